"""Overview of a metastore: how much there is, and what needs somebody's attention. Times are epoch ms."""

from __future__ import annotations

from dataclasses import dataclass, field

from model_sharing_protocol.names import FullName


@dataclass(frozen=True, slots=True)
class NamedVersion:
    """Version with its status, for a list of versions of several models."""

    name: FullName
    version: int
    status: str
    created_at: int
    created_by: str


@dataclass(frozen=True, slots=True)
class EndingToken:
    """Token that ends, or waits for its activation link to be used: of a recipient or a principal."""

    holder: str
    of_recipient: bool
    ends_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Overview for one reader.

    `counts` are the metastore's, by kind, and empty for others than administrators, as is `denials`, the
    number of calls that were denied in 24 hours. `unreadable` maps shares of the reader to the objects in
    them that their owner may no longer read.
    """

    counts: dict[str, int] = field(default_factory=dict)
    denials: int | None = None
    ending: tuple[EndingToken, ...] = ()
    waiting: tuple[EndingToken, ...] = ()
    not_ready: tuple[NamedVersion, ...] = ()
    newest: tuple[NamedVersion, ...] = ()
    unreadable: dict[str, tuple[str, ...]] = field(default_factory=dict)
