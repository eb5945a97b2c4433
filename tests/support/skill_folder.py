"""Folders of agent skills."""

from __future__ import annotations

from pathlib import Path

FRONT_MATTER = """\
name: read-pdf
description: Reads PDF files. Use it when somebody hands you one.
license: Apache-2.0
compatibility: Needs Python 3.11
allowed-tools: Read Bash(pdftotext:*)
metadata:
  version: 1.0
"""


def write_skill(folder: Path, front_matter: str = FRONT_MATTER) -> Path:
    """Write a skill into a folder, and return the folder."""
    (folder / "scripts").mkdir(parents=True, exist_ok=True)
    (folder / "SKILL.md").write_text(f"---\n{front_matter}---\n# How to read PDF files\n")
    (folder / "scripts" / "read.py").write_text("print('read')\n")
    return folder
