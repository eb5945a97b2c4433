"""Messages of the OpenSharing protocol for models, as sent over the wire (camelCase JSON).

Source: OpenSharing REST protocol, "models". Additions of ours are marked EXTENSION; clients that do not know
them ignore them. Times are epoch milliseconds, sizes are bytes; their ranges are in `field_types`.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

import msgspec

from model_sharing_protocol.dsse import Envelope
from model_sharing_protocol.field_types import (
    Count,
    EpochMs,
    ManifestDigest,
    Sha256,
    TermsDigest,
    VersionNumber,
)
from model_sharing_protocol.recalls import Recall
from model_sharing_protocol.signatures import Bundle
from model_sharing_protocol.terms import MAX_TERMS_BYTES, MAX_TERMS_VERSION

PREFIX = "/delta-sharing"
JSON = "application/json; charset=utf-8"
NDJSON = "application/x-ndjson; charset=utf-8"
READY = "READY"
SIGNATURE_HEADER = "Model-Sharing-Signature"
MAX_WAIT_SECONDS = 60
"""Longest time that a provider holds a request for changes."""

T = TypeVar("T")


class _Message(msgspec.Struct, rename="camel", omit_defaults=True):
    """Message of this protocol; field names are snake case here and camel case on the wire."""


class Share(_Message):
    """Share. `resharing`, true if its models may be shared further: EXTENSION."""

    name: str
    id: str | None = None
    display_name: str | None = None
    comment: str | None = None
    properties: dict[str, str] | None = None
    resharing: bool = False


class ShareAnswer(_Message):
    share: Share


class Schema(_Message):
    """Schema of a share. `has_models`, false for one of tables alone: EXTENSION."""

    name: str
    share: str
    has_models: bool = True


class Table(_Message):
    """Table of a share; `id` and `share_id` never change. `format` is sent of a single table."""

    name: str
    schema: str
    share: str
    id: str | None = None
    share_id: str | None = None
    access_modes: tuple[str, ...] = ()
    format: str | None = None


class TableQuery(_Message):
    """Query of a table. Hints and limits may be ignored; what names another state of it may not."""

    predicate_hints: tuple[str, ...] = ()
    json_predicate_hints: str | None = None
    limit_hint: Count | None = None
    max_files: Count | None = None
    page_token: str | None = None
    version: Count | None = None
    timestamp: str | None = None
    starting_version: Count | None = None
    ending_version: Count | None = None
    starting_timestamp: str | None = None
    ending_timestamp: str | None = None


class TensorSpec(_Message):
    """EXTENSION: input or output of a model, as `model_formats.TensorSpec` describes it."""

    name: str
    dtype: str = ""
    shape: tuple[int | str, ...] = ()


class ModelSummary(_Message):
    """EXTENSION: facts about a version's files, as `model_formats.ModelSummary` describes them."""

    architecture: str = ""
    parameters: Count | None = None
    dtype: str = ""
    quantization: str = ""
    context_length: Count | None = None
    library: str = ""
    library_version: str = ""
    base_model: str = ""
    task: str = ""
    languages: tuple[str, ...] = ()
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    missing: tuple[str, ...] = ()


class RegisteredModel(_Message):
    """Model in a share. From `tags` on: EXTENSION. The last three are those of the latest version."""

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
    format: str | None = None
    license: str | None = None
    summary: ModelSummary | None = None


class Origin(_Message):
    """EXTENSION: origin of a version that its provider has from another, whose key signed the files then."""

    provider: str
    share: str
    model: str
    version: VersionNumber
    digest: ManifestDigest
    key: str


class ModelVersion(_Message):
    """Version of a model. From `aliases` on: EXTENSION. `signature` is the MLflow model signature.

    A recalled version is listed; by number or alias it is an error, unless the request has
    `includeRecalled=true`. `state` is a signed `signatures.State`, present when one version was requested by
    number or alias.
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
    recalled: Recall | None = None
    origin: Origin | None = None
    format: str | None = None
    license: str | None = None
    summary: ModelSummary | None = None
    state: Envelope | None = None


class Alias(_Message):
    """EXTENSION: alias with the version it points at."""

    alias: str
    version: VersionNumber


class Terms(_Message):
    """EXTENSION: terms in force, which a recipient accepts before it is given files.

    They are of the whole share, or of its models `applies_to`: at most a hundred are named, `num_models` have
    them. `digest` is that of `terms.terms_digest`. `accepted_by` is who accepted, in the recipient's words.
    """

    digest: TermsDigest
    version: Annotated[str, msgspec.Meta(max_length=MAX_TERMS_VERSION)]
    text: Annotated[str, msgspec.Meta(max_length=MAX_TERMS_BYTES)]
    applies_to: tuple[str, ...] = ()
    num_models: Count = 0
    accepted_at: EpochMs | None = None
    accepted_by: str | None = None


class AcceptTerms(_Message):
    """EXTENSION: acceptance of terms by a person or a program, named by the recipient."""

    accepted_by: str


class Items(_Message, Generic[T]):
    """Page of a list; either field may be missing."""

    items: tuple[T, ...] = ()
    next_page_token: str | None = None


class ShareChange(_Message):
    """EXTENSION: change of what a share shows. `model` is its shared name, `schema.model`.

    A kind that a client does not know, and SHARE_CHANGED, stand for any changes: list the share again.
    `previous_model` is the name before a MODEL_RENAMED.
    """

    kind: str
    at: EpochMs
    model: str | None = None
    previous_model: str | None = None
    version: VersionNumber | None = None
    alias: str | None = None


class ShareChanges(_Message, omit_defaults=False):
    """EXTENSION: changes in their order, and the token to ask for the next ones.

    `more` says that there are more already, so that it is of no use to wait for them. The envelope of a
    `signatures.SignedChanges` is in the header SIGNATURE_HEADER.
    """

    changes: tuple[ShareChange, ...]
    token: str
    more: bool = False


class ErrorAnswer(msgspec.Struct, rename="camel"):
    """Body of every error response; `message` is empty for an INTERNAL_ERROR."""

    error_code: str
    message: str = ""


class Protocol(_Message):
    """Protocol line; `min_reader_version` is always sent, since clients refuse a line without it."""

    min_reader_version: Count


class ChunkMapsFile(_Message):
    """EXTENSION: chunk maps of a version's large files, fetched like one of its files."""

    url: str
    size: Count
    sha256: Sha256


class DeltaFile(_Message):
    """EXTENSION: delta that makes the file with the digest `target` from the one with the digest `base`.

    An XOR delta (`xor_deltas`), fetched like a file of the version. `size` and `sha256` are its own.
    """

    url: str
    target: Sha256
    base: Sha256
    size: Count
    sha256: Sha256


class VersionMetadata(_Message):
    """EXTENSION: metadata of the version, sent in a version query before its files.

    `bundle` is the provider's signature of the files, in the file format of `model_signing`. `chunk_maps` is
    present if any file is large enough to have one, `deltas` if the provider made any. A `PackRequest` may be
    sent to `pack_url`, if present.
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
    """EXTENSION: request for files of the version by sha256; the response is their bytes, concatenated."""

    files: tuple[str, ...]


class VersionFile(_Message):
    """EXTENSION: file of a version, with a URL that is valid until `expiration_timestamp`."""

    url: str
    id: str
    path: str
    size: Count
    sha256: Sha256
    expiration_timestamp: EpochMs


class VersionQueryLine(_Message):
    """Line of the response to a version query: exactly one field is set; an unknown line has none."""

    protocol: Protocol | None = None
    meta_data: VersionMetadata | None = None
    file: VersionFile | None = None


class _Secret(_Message):
    """Secret that appears only on the wire, never in a `repr`."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class SessionKeys(_Secret):
    """Keys for an S3 client, used together with the session token."""

    access_key_id: str
    secret_access_key: str
    session_token: str


class SasToken(_Secret):
    sas_token: str


class OauthToken(_Secret):
    oauth_token: str


class TemporaryCredentials(_Message):
    """Credentials to read a version's files at its `storage_location`: one of three kinds."""

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
    partition_values: dict[str, str | None]
    size: int
    expiration_timestamp: int


class TableQueryLine(_Message):
    protocol: Protocol | None = None
    meta_data: TableMetadata | None = None
    file: TableFile | None = None


class ActivationInfo(_Message):
    """State of an activation link; asking for it does not use the link up."""

    recipient: str
    used: bool
    expiration_time: int
