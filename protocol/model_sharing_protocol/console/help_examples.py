"""Examples in the help of commands: each command line as it is typed, at the end of its `--help`."""

from __future__ import annotations


def example(*command_lines: str) -> str:
    """Epilog for a click command that shows how it is called; the lines are not wrapped."""
    title = "Example:" if len(command_lines) == 1 else "Examples:"
    return "\n".join(["\b", title, *(f"  {line}" for line in command_lines)])
