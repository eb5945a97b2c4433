"""Tables, volumes and agent skills in a share, as recipients see them. Times are epoch ms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from model_sharing_protocol.names import SharedName
from model_sharing_provider.domain.sharing import Share, ShareObjectType
from model_sharing_provider.domain.skills import SkillMetadata

MAX_FOLDER_FILES = 20_000


@dataclass(frozen=True, slots=True)
class SharedTable:
    """Table as seen in one share; its id is a UUID that never changes."""

    id: str
    share: Share
    schema: str
    name: str


@dataclass(frozen=True, slots=True)
class SharedLocation:
    """Asset that a share shows at an external location, whose files stay there."""

    id: str
    kind: ShareObjectType
    shared_name: SharedName
    location: str
    skill: SkillMetadata | None = None


@dataclass(frozen=True, slots=True)
class TableRevision:
    """Revision of a table that a client asks for: by version, by time, or the current one if neither is set.

    With `changes`, what changed in a range of versions is asked for, and not the rows of one.
    """

    version: int | None = None
    timestamp: int | None = None
    changes: bool = False


CURRENT = TableRevision()


@dataclass(frozen=True, slots=True)
class DataFile:
    """Parquet file of a table: its path in the table, its size in bytes, and its etag where one is known.

    Partition values are serialized as Delta has them. `rows` is their number, if it is known.
    """

    path: str
    size: int
    etag: str = ""
    partition_values: Mapping[str, str | None] | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class TableSnapshot:
    """Snapshot of a table: its columns as a JSON string in Delta's format, and its files at a version."""

    version: int
    schema_string: str
    partition_columns: tuple[str, ...]
    files: Sequence[DataFile]


@dataclass(frozen=True, slots=True)
class TableMetadata:
    """Metadata of a table for a Delta Sharing client; `version` grows when the table changes."""

    id: str
    name: str
    schema_string: str
    version: int
    partition_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableFile:
    """Parquet file of a table: its signed URL, id, size in bytes, and expiry in epoch ms."""

    url: str
    id: str
    size: int
    expires_at: int
    partition_values: Mapping[str, str | None] | None = None


@dataclass(frozen=True, slots=True)
class SharedFolder:
    """Volume, or a skill with its metadata, as seen in one share; its id is a UUID that never changes.

    `location` is a URL of the cloud if credentials open it, and opaque otherwise.
    """

    id: str
    share: Share
    name: SharedName
    location: str
    by_credentials: bool
    skill: SkillMetadata | None = None


@dataclass(frozen=True, slots=True)
class FolderFile:
    """File of a folder: its URL, id, path in the folder, size in bytes, and expiry in epoch ms.

    `etag` is that of the answer at the URL; it is empty where none is known.
    """

    url: str
    id: str
    path: str
    size: int
    etag: str
    expires_at: int
