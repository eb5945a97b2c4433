"""Pull history: which recipients were given the files of which versions, and whom a deletion would affect."""

from __future__ import annotations

from dataclasses import dataclass

from model_sharing_protocol.names import FullName


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionPull:
    """Pulls of one version by one recipient: when the first and the last were (epoch ms), and how many.

    `size` is that of the version's files in bytes, of which a recipient fetches those that it lacks.
    """

    full_name: FullName
    version: int
    recipient: str
    first_at: int
    last_at: int
    pulls: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasLag:
    """Lag of a recipient behind an alias: the number of versions from its newest one to the alias's.

    It is 0 for a recipient that has pulled the alias's version, or a newer one.
    """

    recipient: str
    alias: str
    version: int
    newest_pulled: int
    behind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionImpact:
    """Impact of a deletion: the recipients that lose access by it, and what was pulled lately of it."""

    recipients: tuple[str, ...] = ()
    pulls: tuple[VersionPull, ...] = ()
