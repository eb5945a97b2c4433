"""File system: private files and folders, atomic writes, locks between processes, positioned I/O."""
