"""Messages about folders of files that a share shows beside its models: volumes, and agent skills.

Source: OpenSharing, Volumes and Agent Skills; the query, with its lines, is an EXTENSION, for stores without
credentials.
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


class Skill(msgspec.Struct, rename="camel", omit_defaults=True):
    """Agent skill of a share, with the front matter of its SKILL.md. `access_modes`: EXTENSION.

    `allowed_tools` are words with spaces between them.
    """

    name: str
    schema: str
    share: str
    description: str
    storage_location: str
    id: str | None = None
    share_id: str | None = None
    license: str | None = None
    compatibility: str | None = None
    allowed_tools: str | None = None
    metadata: dict[str, str] | None = None
    access_modes: tuple[str, ...] = ()


class FolderMetadata(msgspec.Struct, rename="camel"):
    """Volume or skill whose files follow: their number, and their size in bytes together."""

    id: str
    name: str
    num_files: int
    size: int


class FolderFile(msgspec.Struct, rename="camel", omit_defaults=True):
    """File of a volume or skill, with a URL that is valid until `expiration_timestamp`.

    `id` is another one as soon as the file is known to be; `etag` is that of the answer at the URL.
    """

    url: str
    id: str
    path: str
    size: int
    expiration_timestamp: int
    etag: str | None = None


class FolderQueryLine(msgspec.Struct, rename="camel", omit_defaults=True):
    """Line of the response to a query: exactly one field is set."""

    protocol: Protocol | None = None
    meta_data: FolderMetadata | None = None
    file: FolderFile | None = None
