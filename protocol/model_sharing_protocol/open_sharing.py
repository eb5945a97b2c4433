"""The messages of the OpenSharing protocol for models, as they go over the wire (camelCase JSON).

Source: OpenSharing REST protocol, "models". What is an EXTENSION of ours is marked so; a client that does
not know it ignores it. Times are epoch milliseconds, sizes are bytes; `field_types` says which values they
may have.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from model_sharing_protocol.dsse import Envelope
from model_sharing_protocol.field_types import Count, EpochMs, ManifestDigest, Sha256, VersionNumber
from model_sharing_protocol.signatures import Bundle

PREFIX = "/delta-sharing"
JSON = "application/json; charset=utf-8"
NDJSON = "application/x-ndjson; charset=utf-8"
READY = "READY"

T = TypeVar("T")


class _Message(msgspec.Struct, rename="camel", omit_defaults=True):
    """Field names are snake case here and camel case on the wire."""


class Share(_Message):
    name: str
    id: str | None = None
    display_name: str | None = None
    comment: str | None = None
    properties: dict[str, str] | None = None


class ShareAnswer(_Message):
    share: Share


class Schema(_Message):
    name: str
    share: str


class Table(_Message):
    name: str
    schema: str
    share: str


class RegisteredModel(_Message):
    """Model as a share shows it. From `tags` on: EXTENSION."""

    name: str
    schema: str
    share: str
    share_id: str | None = None
    id: str | None = None
    comment: str | None = None
    storage_location: str | None = None
    tags: dict[str, str] = {}
    aliases: dict[str, VersionNumber] = {}
    latest_version: VersionNumber | None = None
    updated_at: EpochMs | None = None
    access_modes: tuple[str, ...] = ()


class ModelVersion(_Message):
    """Version of a model. From `aliases` on: EXTENSION. `signature` is the MLflow model signature.

    `state` is there when one version was asked for, by number or alias: `signatures.State`, signed.
    """

    model_name: str
    schema: str
    share: str
    version: VersionNumber
    status: str
    storage_location: str
    id: str | None = None
    source: str | None = None
    run_id: str | None = None
    comment: str | None = None
    aliases: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    signature: dict[str, Any] | None = None
    size: Count | None = None
    digest: ManifestDigest | None = None
    created_at: EpochMs | None = None
    state: Envelope | None = None


class Alias(_Message):
    """EXTENSION: an alias and the version it points at."""

    alias: str
    version: VersionNumber


class Items(_Message, Generic[T]):
    """Page of a listing; either field may be missing."""

    items: tuple[T, ...] = ()
    next_page_token: str | None = None


class ErrorAnswer(msgspec.Struct, rename="camel"):
    """Every error's body; `message` is empty for an INTERNAL_ERROR."""

    error_code: str
    message: str = ""


class Protocol(_Message):
    """`min_reader_version` is always sent: clients refuse a protocol line without it."""

    min_reader_version: Count


class ChunkMapsFile(_Message):
    """EXTENSION: where the chunk maps of a version's large files are fetched from, like a file of it."""

    url: str
    size: Count
    sha256: Sha256


class DeltaFile(_Message):
    """EXTENSION: what makes the file with the digest `target` of the one with the digest `base`.

    An XOR delta (`xor_deltas`), fetched like a file of the version. `size` and `sha256` are its own.
    """

    url: str
    target: Sha256
    base: Sha256
    size: Count
    sha256: Sha256


class VersionMetadata(_Message):
    """EXTENSION: what a version query says of the version before its files.

    `bundle` is the provider's signature of them, as `model_signing` reads it from a file. `chunk_maps` is
    there if any file is large enough to have one, `deltas` for those that the provider made some of. To
    `pack_url`, if there is one, a `PackRequest` may go.
    """

    version: ModelVersion
    digest: ManifestDigest
    size: Count
    num_files: Count
    bundle: Bundle | None = None
    chunk_maps: ChunkMapsFile | None = None
    deltas: tuple[DeltaFile, ...] = ()
    pack_url: str | None = None


class PackRequest(_Message):
    """EXTENSION: files of the version by their sha256; the answer is their bytes, one after the other."""

    files: tuple[str, ...]


class VersionFile(_Message):
    """EXTENSION: one file of a version, with a URL that is good until `expiration_timestamp`."""

    url: str
    id: str
    path: str
    size: Count
    sha256: Sha256
    expiration_timestamp: EpochMs


class VersionQueryLine(_Message):
    """One line of a version query's answer: exactly one field is set; unknown lines have none."""

    protocol: Protocol | None = None
    meta_data: VersionMetadata | None = None
    file: VersionFile | None = None


class _Secret(_Message):
    """Secret that is shown nowhere but on the wire."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class SessionKeys(_Secret):
    """Keys for an S3 client, which go together with a session token."""

    access_key_id: str
    secret_access_key: str
    session_token: str


class SasToken(_Secret):
    sas_token: str


class OauthToken(_Secret):
    oauth_token: str


class TemporaryCredentials(_Message):
    """To read a version's files at its `storage_location`: one of these, good until `expiration_time`."""

    expiration_time: int
    aws_temp_credentials: SessionKeys | None = None
    azure_user_delegation_sas: SasToken | None = None
    gcp_oauth_token: OauthToken | None = None
    r2_credentials: SessionKeys | None = None


class TableFormat(_Message):
    provider: str


class TableMetadata(_Message):
    """A Delta Sharing table's `metaData`; `schema_string` is Spark's JSON schema."""

    id: str
    name: str
    format: TableFormat
    schema_string: str
    partition_columns: tuple[str, ...]


class TableFile(_Message):
    url: str
    id: str
    partition_values: dict[str, str]
    size: int
    expiration_timestamp: int


class TableQueryLine(_Message):
    protocol: Protocol | None = None
    meta_data: TableMetadata | None = None
    file: TableFile | None = None


class ActivationInfo(_Message):
    """State of an activation link, which asking does not use up."""

    recipient: str
    used: bool
    expiration_time: int
