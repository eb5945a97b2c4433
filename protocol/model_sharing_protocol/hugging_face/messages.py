"""Messages of the Hub's API, with the fields that we can fill; clients read the others as absent.

Field names are the Hub's, which mixes styles. Sizes are bytes, times ISO 8601, and `oid` is git's SHA-1 of
what a repository holds for a file: its LFS pointer.
"""

from __future__ import annotations

from typing import Any

import msgspec

from model_sharing_protocol.times import iso

JSON = "application/json; charset=utf-8"


def hub_time(ms: int) -> str:
    """Epoch milliseconds as messages have them; older clients insist on fractions of a second."""
    return f"{iso(ms)[:-1]}.{ms % 1000:03}Z"


class _Message(msgspec.Struct, omit_defaults=True):
    """Message of the Hub's API; unknown fields are ignored."""


class SiblingLfs(_Message, rename="camel"):
    """LFS object of a file, as `ModelInfo` has it."""

    sha256: str
    size: int
    pointer_size: int


class Sibling(_Message, rename="camel"):
    """File of a repository; all but its path only if it is asked for with `blobs`."""

    rfilename: str
    size: int | None = None
    blob_id: str | None = None
    lfs: SiblingLfs | None = None


class SafetensorsInfo(_Message):
    """Number of parameters, by dtype and in total."""

    parameters: dict[str, int]
    total: int


class ModelInfo(_Message, omit_defaults=False):
    """Repository of a model at one commit, or in a listing, without commit and files."""

    id: str
    model_id: str = msgspec.field(name="modelId")
    author: str
    private: bool = True
    gated: bool | str = False
    disabled: bool = False
    downloads: int = 0
    likes: int = 0
    tags: tuple[str, ...] = ()
    library_name: str | msgspec.UnsetType = msgspec.UNSET
    pipeline_tag: str | msgspec.UnsetType = msgspec.UNSET
    created_at: str | msgspec.UnsetType = msgspec.field(name="createdAt", default=msgspec.UNSET)
    last_modified: str | msgspec.UnsetType = msgspec.field(name="lastModified", default=msgspec.UNSET)
    sha: str | msgspec.UnsetType = msgspec.UNSET
    siblings: tuple[Sibling, ...] | msgspec.UnsetType = msgspec.UNSET
    used_storage: int | msgspec.UnsetType = msgspec.field(name="usedStorage", default=msgspec.UNSET)
    card_data: dict[str, Any] | msgspec.UnsetType = msgspec.field(name="cardData", default=msgspec.UNSET)
    config: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    safetensors: SafetensorsInfo | msgspec.UnsetType = msgspec.UNSET
    gguf: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class TreeLfs(_Message, rename="camel"):
    """LFS object of a file, as `TreeEntry` has it."""

    oid: str
    size: int
    pointer_size: int


class LastCommit(_Message):
    """Version that a file came with."""

    id: str
    title: str
    date: str


class TreeEntry(_Message, rename="camel"):
    """File or folder in a listing. `last_commit` only if it is asked for with `expand`."""

    type: str
    oid: str
    size: int
    path: str
    lfs: TreeLfs | None = None
    last_commit: LastCommit | None = None


class PathsRequest(_Message):
    """Request for what is at some paths; clients send it as a form, too."""

    paths: tuple[str, ...] = ()
    expand: bool = False


class GitRef(_Message, rename="camel"):
    """Name of a commit: a branch or tag of git."""

    name: str
    ref: str
    target_commit: str


class Refs(_Message, rename="camel", omit_defaults=False):
    """Names of a repository's commits: `main`, and its aliases and numbers as tags."""

    branches: tuple[GitRef, ...] = ()
    tags: tuple[GitRef, ...] = ()
    converts: tuple[GitRef, ...] = ()
    pull_requests: tuple[GitRef, ...] = ()


class AccessTokenInfo(_Message, rename="camel", omit_defaults=False):
    display_name: str = "model-sharing"
    role: str = "read"


class AuthInfo(_Message, rename="camel", omit_defaults=False):
    """Kind of a credential; all that there are can only read."""

    type: str = "access_token"
    access_token: AccessTokenInfo = msgspec.field(default_factory=AccessTokenInfo)


class Organization(_Message, omit_defaults=False):
    """Group that the holder of a token is in; by it, clients name what else there is."""

    id: str
    name: str
    type: str = "org"


class Whoami(_Message, omit_defaults=False):
    """Holder of a token."""

    id: str
    name: str
    fullname: str = ""
    type: str = "user"
    orgs: tuple[Organization, ...] = ()
    auth: AuthInfo = msgspec.field(default_factory=AuthInfo)


class ErrorAnswer(_Message, omit_defaults=False):
    """Body of every error response; clients tell errors apart by a header, and show the text."""

    code: str
    error: str
