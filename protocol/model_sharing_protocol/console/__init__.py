"""Console of both command lines: output, options, progress, `doctor` checks and shell completion."""
