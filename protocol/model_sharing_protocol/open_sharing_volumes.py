"""Messages about volumes: folders of files that a share shows beside its models.

Source: OpenSharing, Volumes; the query, with its lines, is an EXTENSION, for stores without credentials.
"""

from __future__ import annotations

import msgspec

from model_sharing_protocol.open_sharing import Protocol


class Volume(msgspec.Struct, rename="camel", omit_defaults=True):
    """Volume of a share; `id` and `share_id` never change. `access_modes`: EXTENSION."""

    name: str
    schema: str
    share: str
    storage_location: str
    id: str | None = None
    share_id: str | None = None
    access_modes: tuple[str, ...] = ()


class VolumeMetadata(msgspec.Struct, rename="camel"):
    """Volume whose files follow: their number, and their size in bytes together."""

    id: str
    name: str
    num_files: int
    size: int


class VolumeFile(msgspec.Struct, rename="camel"):
    """File of a volume, with a URL that is valid until `expiration_timestamp`."""

    url: str
    id: str
    path: str
    size: int
    expiration_timestamp: int


class VolumeQueryLine(msgspec.Struct, rename="camel", omit_defaults=True):
    """Line of the response to a query: exactly one field is set."""

    protocol: Protocol | None = None
    meta_data: VolumeMetadata | None = None
    file: VolumeFile | None = None
