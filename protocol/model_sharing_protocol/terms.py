"""Terms of a share or a model: a text and its version, which a recipient accepts by their digest.

The digest is the SHA-256 of the version, a line feed, and the text, in UTF-8: `(echo 2.0; cat TERMS.txt) |
sha256sum` tells it, too. A text that changes by one letter has another one, and is accepted again.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

from model_sharing_protocol.characters import find_unseen, shown
from model_sharing_protocol.errors import InvalidParameter

MAX_TERMS_BYTES = 64 * 1024
"""Largest size of a text, in bytes of UTF-8."""
MAX_TERMS_VERSION = 64
"""Longest version, and `MAX_ACCEPTED_BY` the longest name of who accepted, in characters."""
MAX_ACCEPTED_BY = 255
TERMS_COMMAND = "model-sharing terms MOUNT"
"""Command of a recipient that shows terms and accepts them, as a provider names it: it knows no mounts."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LAYOUT = "\n\t\f"
_MODELS_SHOWN = 5
_NEVER_TEXT = ("Cc", "Cs")


def terms_digest(version: str, text: str) -> str:
    """Digest of terms, `sha256:` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(f"{version}\n{text}".encode()).hexdigest()


def check_terms(version: str, text: str) -> str:
    """Check the version and the text of terms, and return their digest. Raises InvalidParameter."""
    check_line("version of the terms", version, MAX_TERMS_VERSION)
    if not text.strip():
        raise InvalidParameter("The terms are empty; give the text that recipients are to accept.")
    for character in text:
        if unicodedata.category(character) in _NEVER_TEXT and character not in _LAYOUT:
            raise InvalidParameter(f"The terms contain {shown(character)}; give plain text.")
    if (size := len(text.encode())) > MAX_TERMS_BYTES:
        raise InvalidParameter(f"The terms have {size} bytes; at most {MAX_TERMS_BYTES} are allowed.")
    return terms_digest(version, text)


def subject_of_terms(models: Sequence[str], num_models: int = 0) -> str:
    """What terms apply to, in words: the whole share, or `models`, the first of `num_models`."""
    if not models:
        return "the whole share"
    count = max(num_models, len(models))
    if count == 1:
        return f"the model {models[0]}"
    shown = models[:_MODELS_SHOWN]
    more = f" and {count - len(shown)} more" if count > len(shown) else ""
    return f"the models {', '.join(shown)}{more}"


def check_digest(digest: str) -> str:
    """Check the form of a digest of terms, and return it. Raises InvalidParameter."""
    if not _DIGEST.fullmatch(digest):
        raise InvalidParameter(
            f"{digest[:80]!r} is not a digest of terms; give sha256: and 64 lower-case hexadecimal digits."
        )
    return digest


def check_line(what: str, text: str, limit: int) -> str:
    """Check a short text of one line, and return it. Raises InvalidParameter for an empty or long one."""
    if not text.strip() or len(text) > limit:
        raise InvalidParameter(f"The {what} has {len(text)} characters; give 1 to {limit}.")
    if (unseen := find_unseen(text)) is not None:
        raise InvalidParameter(f"The {what} contains {shown(unseen)}; give visible characters.")
    return text
