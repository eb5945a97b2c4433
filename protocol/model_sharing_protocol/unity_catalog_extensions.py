"""Messages that Unity Catalog's REST API does not have: all of them are EXTENSIONs.

They are about shared catalogs, recalls, and versions from other metastores. Times are epoch milliseconds.
"""

from __future__ import annotations

from model_sharing_protocol.signatures import Bundle
from model_sharing_protocol.unity_catalog_base import Message, VersionNumber


class MirrorInfo(Message):
    """EXTENSION: how well a shared catalog is kept true. Times are epoch milliseconds, the age is seconds.

    `key_fingerprint` is that of the key by which the provider signs. `pulled_size` are the bytes of files
    that were fetched; listings do not tell.
    """

    key_fingerprint: str
    state: str
    state_since: int
    state_reason: str = ""
    remedy: str = ""
    synced_at: int | None = None
    confirmed_at: int | None = None
    age: int | None = None
    broker: bool = False
    resharing: bool = False
    pulled_size: int | None = None


class PullCatalog(Message):
    """EXTENSION: pull of a shared catalog's files ahead of use.

    `model`, compared with `schema.model`, and `alias` are patterns; `all_versions` leaves aliases aside.
    """

    model: str = "*"
    alias: str = "*"
    all_versions: bool = False


class CatalogPull(Message):
    """EXTENSION: status of a pull in the background. Sizes are in bytes."""

    catalog: str
    versions: int
    size: int
    versions_done: int
    size_done: int
    fetched: int
    running: bool


class RecallInfo(Message):
    """EXTENSION: recall of a version."""

    reason: str
    recalled_at: int
    replacement_version: int | None = None


class RecallModelVersion(Message):
    """EXTENSION: recall a version; its aliases move to `replacement_version`, if it has any."""

    reason: str
    replacement_version: VersionNumber | None = None


class OriginInfo(Message):
    """EXTENSION: origin of a version in another metastore; `key` is the fingerprint of what signed it."""

    provider: str
    share: str
    model: str
    version: int
    digest: str
    key: str


class OriginSignatureInfo(Message):
    """EXTENSION: signature of a version's files by the provider that it came from, just checked.

    `bundle` is in the file format of `model_signing`, `public_key` a PEM.
    """

    signed_as: str
    key_fingerprint: str
    num_files: int
    bundle: Bundle
    public_key: str


class TensorInfo(Message):
    """EXTENSION: input or output of a model; a dimension is a number, or the name of one that varies."""

    name: str
    dtype: str = ""
    shape: tuple[int | str, ...] = ()


class SummaryInfo(Message):
    """EXTENSION: facts about a version's files, as `model_formats.ModelSummary` describes them."""

    architecture: str = ""
    parameters: int | None = None
    dtype: str = ""
    quantization: str = ""
    context_length: int | None = None
    library: str = ""
    library_version: str = ""
    base_model: str = ""
    task: str = ""
    languages: tuple[str, ...] = ()
    inputs: tuple[TensorInfo, ...] = ()
    outputs: tuple[TensorInfo, ...] = ()
    missing: tuple[str, ...] = ()


class SetTerms(Message):
    """EXTENSION: terms that recipients accept before they get files; people call them by `version`."""

    version: str
    text: str


class TermsInfo(Message):
    """EXTENSION: terms of a share or a model; `ended_at` is missing while they are in force."""

    digest: str
    version: str
    text: str
    set_at: int
    set_by: str
    ended_at: int | None = None
    ended_by: str = ""


class TermsHistory(Message):
    """EXTENSION: terms that a share or a model has and had, the newest first."""

    terms: tuple[TermsInfo, ...]


class TermsAcceptanceInfo(Message):
    """EXTENSION: acceptance of terms by a recipient; `accepted_by` is who did, in its words.

    `text` is there if one digest was asked for.
    """

    recipient: str
    share: str
    digest: str
    version: str
    accepted_at: int
    accepted_by: str
    text: str = ""


class TermsAcceptances(Message):
    """EXTENSION: acceptances by a recipient, in their order."""

    acceptances: tuple[TermsAcceptanceInfo, ...]


class UpstreamTermsInfo(Message):
    """EXTENSION: terms that another provider asks us to accept: of a whole share, or of `models`."""

    digest: str
    version: str
    text: str
    models: tuple[str, ...] = ()
    accepted_at: int | None = None
    accepted_by: str = ""


class UpstreamTerms(Message):
    """EXTENSION: terms in force of another provider's share."""

    terms: tuple[UpstreamTermsInfo, ...]


class AcceptTerms(Message):
    """EXTENSION: acceptance of another provider's terms, by their digests, for this whole metastore."""

    digests: tuple[str, ...]
