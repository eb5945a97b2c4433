"""URLs of files on this server, which other faces sign and the face `signed_files` serves."""

from __future__ import annotations

import base64

FILES_PREFIX = "/artifacts"


def file_upload(path: str, *, overwrite: bool) -> str:
    """What an upload URL of a file says after its version: the path in letters that need no quoting."""
    kind = "file" if overwrite else "new-file"
    return f"{kind}/{base64.urlsafe_b64encode(path.encode()).decode().rstrip('=')}"


def part_upload(session: str, number: int) -> str:
    return f"part/{session}/{number}"


def upload_session(session: str) -> str:
    return f"session/{session}"
