"""Cached versions, by the names that their models go by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from model_sharing.cache.maintenance.inventory import CacheInventory
from model_sharing.cache.store import Cache
from model_sharing.mount_table import Mount
from model_sharing.resolution.known_state import known_models, source_of
from model_sharing_protocol.recalls import Recall

_Name = tuple[str | None, int | None, tuple[str, ...], str | None, Recall | None]


@dataclass(frozen=True, slots=True)
class CachedVersion:
    """Version in the cache. `aliases` are those that pointed at it when last asked for.

    `size` counts all its files and `own_size` those that nothing else in the cache shares; `last_used` is in
    epoch milliseconds. `full_name` and `version` are None for files that no shared model goes by: part of a
    version that was fetched through MLflow, or a version that is shared no longer. `in_use` is None where no
    locks are that would tell. `recalled` is None unless the provider recalled it. It is `partial` if
    only some of its files were asked for; these are here.
    """

    full_name: str | None
    version: int | None
    aliases: tuple[str, ...]
    digest: str
    size: int
    own_size: int
    last_used: int
    complete: bool
    in_use: bool | None
    catalog: str | None
    recalled: Recall | None = None
    partial: bool = False


def list_cached(cache: Cache, contents: CacheInventory, mounts: Iterable[Mount]) -> list[CachedVersion]:
    """List the cache's entries, once for each version that one is, most recently used first.

    The name starts with the catalog's or, if that is not mounted any more, with the share's.
    """
    catalogs = {source_of(mount.endpoint, mount.share): mount.name for mount in mounts}
    names: dict[str, list[_Name]] = {}
    for known in known_models(cache.root):
        catalog = catalogs.get(known.source)
        for number, version in known.versions.items():
            wire = version.version
            spelled = {alias.lower(): alias for alias in wire.aliases}
            pointing = (alias for alias, target in known.aliases.items() if target == number)
            aliases = tuple(sorted(spelled.get(alias, alias) for alias in pointing))
            name = f"{catalog or wire.share}.{wire.schema}.{wire.model_name}"
            recall = known.recalled.get(number)
            names.setdefault(version.digest, []).append((name, number, aliases, catalog, recall))
    nameless: list[_Name] = [(None, None, (), None, None)]
    return [
        CachedVersion(
            name,
            number,
            aliases,
            entry.digest,
            sum(entry.sizes.values()),
            contents.own_size(entry),
            int(entry.last_used * 1000),
            entry.complete,
            entry.in_use(),
            catalog,
            recall,
            entry.partial,
        )
        for entry in reversed(contents.entries)
        for name, number, aliases, catalog, recall in (
            sorted(names.get(entry.digest, []), key=_name_and_version) or nameless
        )
    ]


def _name_and_version(name: _Name) -> tuple[str, int]:
    return name[0] or "", name[1] or 0
