"""Types of message fields: checked once, when a message is decoded, and part of its JSON schema.

A value out of range is refused when it is decoded, with the name of its field, and not where it is used.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from model_sharing_protocol.times import MAX_MS

MAX_INT64 = 2**63 - 1

VersionNumber = Annotated[int, msgspec.Meta(ge=1, le=MAX_INT64)]
EpochMs = Annotated[int, msgspec.Meta(ge=0, le=MAX_MS)]
"""A moment in epoch milliseconds, until the end of the year 9999."""
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_INT64)]
"""A number of bytes or of things."""
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$", max_length=64)]
ManifestDigest = Annotated[str, msgspec.Meta(pattern="^sha256:[0-9a-f]{64}$", max_length=71)]
"""Digest that names the content of a version: see `Manifest.digest`."""
TermsDigest = Annotated[str, msgspec.Meta(pattern="^sha256:[0-9a-f]{64}$", max_length=71)]
"""Digest that names terms: see `terms.terms_digest`."""
