"""Pulling: fetch versions ahead of use. One that fails does not keep the others back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from model_sharing.catalogs.shared_catalog import SharedCatalog
from model_sharing.catalogs.shared_models import SharedModel, SharedVersion
from model_sharing.downloads.progress_counter import PullProgressCounter
from model_sharing_protocol.errors import Interrupted, InvalidParameter, NotFound, SharingError
from model_sharing_protocol.names import MODEL_SCHEME, ModelRef
from model_sharing_protocol.open_sharing import READY


@dataclass(frozen=True, slots=True)
class PullSelection:
    """Selection of versions to pull, by lower-case patterns (`*`, `?`, `[…]`) of schema, model and alias.

    With `all_versions` every version counts, and not those only that an alias points at.
    """

    catalog: str
    schema: str
    model: str
    alias: str
    all_versions: bool

    @classmethod
    def parse(cls, where: str, *, alias: str | None = None, all_versions: bool = False) -> Self:
        """Parse `catalog`, `catalog.schema` or `catalog.schema.model`; InvalidParameter if it is none."""
        if alias is not None and all_versions:
            raise InvalidParameter("Ask for an alias, or for all versions.")
        parts = where.removeprefix(MODEL_SCHEME).lower().split(".")
        if len(parts) > 3 or not all(parts) or any(mark in where.removeprefix(MODEL_SCHEME) for mark in "/@"):
            raise InvalidParameter(
                f"{where!r} names no models; write catalog, catalog.schema or catalog.schema.model, where "
                "schema and model may be patterns such as fraud_*."
            )
        schema, model = (*parts[1:], "*", "*")[:2]
        return cls(parts[0], schema, model, (alias or "*").lower(), all_versions)

    def matches(self, model: SharedModel) -> bool:
        """True if the model's schema and name match."""
        _, schema, name = model.full_name.split(".")
        return _matches(schema, self.schema) and _matches(name, self.model)

    def aliases_by_version(self, model: SharedModel) -> dict[int, list[str]]:
        """Matching aliases of a model, by version."""
        chosen: dict[int, list[str]] = {}
        for alias, version in sorted(model.aliases.items()):
            if _matches(alias.lower(), self.alias):
                chosen.setdefault(version, []).append(alias)
        return chosen


@dataclass(frozen=True, slots=True)
class PulledVersion:
    """Result of pulling one version. `exit_code` is 0, or the error's.

    `fetched` are the bytes that were missing, `reused` those that were here already, in files of this version
    or of others.

    `version` is None if not even the versions of the model could be listed.
    """

    full_name: str
    version: int | None
    aliases: tuple[str, ...]
    size: int | None
    fetched: int
    reused: int = 0
    error: str | None = None
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class _Target:
    """Version to fetch, and the aliases that it was selected by."""

    full_name: str
    version: int
    aliases: tuple[str, ...]
    size: int

    @property
    def refs(self) -> list[ModelRef]:
        """References by each alias, so that they resolve when the provider is away."""
        if not self.aliases:
            return [ModelRef(self.full_name, version=self.version)]
        return [ModelRef(self.full_name, alias=alias) for alias in self.aliases]


async def pull(
    catalog: SharedCatalog, wanted: PullSelection, counter: PullProgressCounter
) -> list[PulledVersion]:
    """Fetch the selected versions into the cache, one after another.

    Raises what listing the models raises, and NotFound if nothing is wanted; any later failure is in what is
    returned.
    """
    targets: list[_Target] = []
    results: list[PulledVersion] = []
    for model in await catalog.list_models(wanted.schema if _is_plain(wanted.schema) else None):
        if wanted.matches(model):
            try:
                targets += await _targets(catalog, model, wanted)
            except SharingError as error:
                results.append(_failed(model.full_name, None, (), error))
    if not targets and not results:
        alias = "an alias" if wanted.alias == "*" else f"the alias {wanted.alias!r}"
        raise NotFound(
            f"Nothing to pull from {wanted.catalog}: no model matches {wanted.schema}.{wanted.model}, "
            f"or none that does has {alias}. See: model-sharing list {wanted.catalog}."
        )
    counter.expect(len(targets), sum(target.size for target in targets))
    return results + [await _pull_one(catalog, target, counter) for target in targets]


async def _targets(catalog: SharedCatalog, model: SharedModel, wanted: PullSelection) -> Sequence[_Target]:
    chosen = wanted.aliases_by_version(model)
    if not chosen and not wanted.all_versions:
        return []
    return [
        _Target(model.full_name, version.version, tuple(chosen.get(version.version, ())), version.size or 0)
        for version in await catalog.list_versions(model.full_name)
        if version.version in chosen or (wanted.all_versions and _is_usable(version))
    ]


async def _pull_one(catalog: SharedCatalog, target: _Target, counter: PullProgressCounter) -> PulledVersion:
    one = counter.begin(f"{target.full_name} version {target.version}")
    version, size, files = target.version, target.size, 0
    try:
        for ref in target.refs:
            async with catalog.held_snapshot(ref, counter=one) as snapshot:
                version, size = snapshot.version.version, snapshot.manifest.size
                files = len(snapshot.manifest.files)
    except Interrupted:
        raise
    except (SharingError, OSError) as error:
        counter.version_done(target.size, reused=0, files=0)
        return _failed(target.full_name, target.version, target.aliases, error)
    reused = max(0, size - one.fetched)
    counter.version_done(target.size, reused=reused, files=files)
    return PulledVersion(target.full_name, version, target.aliases, size, one.fetched, reused)


def _failed(
    full_name: str, version: int | None, aliases: tuple[str, ...], error: SharingError | OSError
) -> PulledVersion:
    code = error.row.exit_code if isinstance(error, SharingError) else SharingError.row.exit_code
    return PulledVersion(full_name, version, aliases, None, 0, error=str(error), exit_code=code)


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)


def _is_usable(version: SharedVersion) -> bool:
    return version.status == READY and version.recalled is None


def _is_plain(pattern: str) -> bool:
    return not any(mark in pattern for mark in "*?[")
