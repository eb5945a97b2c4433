"""Examples in the help of commands: complete command lines at the end of `--help`."""

from __future__ import annotations


def example(*command_lines: str) -> str:
    """Epilog of a click command with example command lines, which are not wrapped."""
    title = "Example:" if len(command_lines) == 1 else "Examples:"
    return "\n".join(["\b", title, *(f"  {line}" for line in command_lines)])
