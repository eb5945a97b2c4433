"""Profile sources: a file, the JSON itself, or whichever of both an environment variable holds.

A file is read at each call, so that a token that is renewed in it is picked up. JSON that comes from a secret
manager or standard input is in no file: a mount keeps it in the home, readable by its owner only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from model_sharing.settings import PROFILE_VARIABLE
from model_sharing_protocol.errors import InvalidParameter, InvalidProfile
from model_sharing_protocol.profile import Profile, parse_profile, read_profile

MAX_PROFILE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ProfileSource:
    """Profile, and its file: `path`, or None if `content`, its JSON, was given itself."""

    profile: Profile
    path: Path | None = None
    content: bytes = field(repr=False, default=b"")


ProfileInput = ProfileSource | str | Path | bytes | None
"""The path of a profile file or the JSON in it; None: what MODEL_SHARING_PROFILE says."""


def find_profile(given: ProfileInput) -> ProfileSource:
    """Find the profile in a file, in JSON text or bytes or, for None, in MODEL_SHARING_PROFILE.

    Raises InvalidParameter if nothing says where it is, InvalidProfile for what is none; a message never
    repeats what may be the secret.
    """
    if isinstance(given, ProfileSource):
        return given
    if given is None:
        return _from_environment()
    if isinstance(given, bytes):
        return _inline(given, "What came on standard input")
    if isinstance(given, str) and _is_json(given):
        return _inline(given.encode(errors="replace"), "The profile")
    path = Path(given).expanduser().absolute()
    return ProfileSource(read_profile(path), path)


def _from_environment() -> ProfileSource:
    value = os.environ.get(PROFILE_VARIABLE, "").strip()
    if not value:
        raise InvalidParameter(
            f"Say which profile: name its file, or set {PROFILE_VARIABLE} to its path or its JSON."
        )
    if _is_json(value):
        return _inline(value.encode(errors="replace"), PROFILE_VARIABLE)
    path = Path(value).expanduser().absolute()
    if not _is_file(path):
        # It may be a secret in some other form, so it is not repeated.
        raise InvalidProfile(
            f"{PROFILE_VARIABLE} is neither the path of a file that can be read nor the JSON of a profile, "
            "which begins with {. Set it to one of both."
        )
    return ProfileSource(read_profile(path), path)


def _inline(content: bytes, origin: str) -> ProfileSource:
    if len(content) > MAX_PROFILE_BYTES:
        raise InvalidProfile(f"{origin} has more than {MAX_PROFILE_BYTES} bytes, so it is not a profile.")
    return ProfileSource(parse_profile(content, origin), content=content)


def _is_json(text: str) -> bool:
    return text.lstrip("\ufeff \t\r\n").startswith("{")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
