"""Base of the messages of Unity Catalog's REST API, and types that several of them use."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from model_sharing_protocol.names import MAX_VERSION

VersionNumber = Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)]


NotServed: TypeAlias = None
"""Field of Unity Catalog that this server does not support: sending a value is an error.

A value that describes what this server does anyway is accepted.
"""


class Message(msgspec.Struct, omit_defaults=True):
    """Message of Unity Catalog; unknown fields are ignored, as in Unity Catalog itself."""
