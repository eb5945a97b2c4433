"""Commits: the versions that clients of the Hub ask for, by repository and revision, with their files.

An alias is asked for anew with each request, as `load_model` does. What names the content (a commit) or was
confirmed a moment ago is not, so that a client that fetches a hundred files of a version asks the provider
once. Without the provider, both are what they were when it last answered.
"""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from model_sharing.cache_server.mounted_catalogs import MountedCatalogs
from model_sharing.catalogs.shared_catalog import SharedCatalog
from model_sharing.catalogs.snapshots import VersionListing
from model_sharing_protocol.errors import (
    InvalidState,
    NotFound,
    ServerUnreachable,
    VersionNotFound,
    VersionRecalled,
)
from model_sharing_protocol.hugging_face.files import CommitFiles
from model_sharing_protocol.names import ModelRef, SharedName
from model_sharing_protocol.open_sharing import READY
from model_sharing_protocol.revisions import MAIN, Revision, commit_of

CONFIRMED_SECONDS = 30.0
_MOST_FILES_REMEMBERED = 200_000

Key = tuple[str, str, str]
"""Catalog, model and commit."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Version of a model in a mounted catalog, with the list of its files as the provider signed it.

    `id` is the commit as clients write it.
    """

    catalog: SharedCatalog
    listing: VersionListing
    id: str

    @property
    def files(self) -> CommitFiles:
        """Files, as the Hub lists them."""
        return CommitFiles(self.id, self.listing.manifest.files)

    def __str__(self) -> str:
        version = self.listing.version
        return f"{version.full_name} version {version.version}"


class Commits:
    """Commits of the models in mounted catalogs."""

    def __init__(self, catalogs: MountedCatalogs, clock: Callable[[], float] = time.monotonic) -> None:
        self._catalogs = catalogs
        self._clock = clock
        self._confirmed: OrderedDict[Key, tuple[float, Commit]] = OrderedDict()

    def model(self, namespace: str, name: str) -> tuple[SharedCatalog, SharedName]:
        """Catalog and model that the repository `mount.schema/model` stands for. Raises NotFound."""
        mount, dot, schema = namespace.partition(".")
        if not dot:
            raise NotFound(
                f"{f'{namespace}/{name}'[:200]!r} is not a repository here; write mount.schema/model."
            )
        catalog = self._catalogs.get(mount)
        return catalog, SharedName.parse(f"{schema}.{name}")

    async def find(self, namespace: str, name: str, revision: str) -> Commit:
        """Find the version that a revision stands for. Raises NotFound for a model, VersionNotFound."""
        catalog, model = self.model(namespace, name)
        parsed = Revision.parse(revision)
        try:
            if parsed.commit is not None:
                return await self._by_commit(catalog, model, parsed.commit)
            if parsed.or_newest:
                return await self._main(catalog, model)
            return await self._confirm(catalog, model, version=parsed.number, alias=parsed.alias)
        except VersionNotFound:
            raise
        except NotFound as error:
            await catalog.get_model(str(model))  # NotFound, if it is the model that is missing
            raise VersionNotFound(f"{catalog.name}.{model} has no version {revision[:100]!r}.") from error

    async def _main(self, catalog: SharedCatalog, model: SharedName) -> Commit:
        """Version of the alias `main`, or else the newest one that is READY and not recalled."""
        known = catalog.known_digests(model)
        try:
            described = await catalog.get_model(str(model))
        except ServerUnreachable:
            if not known:
                raise
            return await self._last_known_main(catalog, model, max(known))
        if MAIN in (alias.lower() for alias in described.aliases):
            return await self._confirm(catalog, model, alias=MAIN)
        return await self._newest(catalog, model, described.latest_version)

    async def _newest(self, catalog: SharedCatalog, model: SharedName, latest: int | None) -> Commit:
        """Newest version that is READY and not recalled: `latest`, or else as the list says."""
        if latest is not None:
            with contextlib.suppress(VersionRecalled, InvalidState, NotFound):
                found = await self._confirm(catalog, model, version=latest)
                if found.listing.version.recalled is None:
                    return found
        versions = await catalog.list_versions(str(model))
        usable = [each.version for each in versions if each.status == READY and each.recalled is None]
        if not usable:
            raise VersionNotFound(f"{catalog.name}.{model} has no version that is READY and not recalled.")
        return await self._confirm(catalog, model, version=max(usable))

    async def _last_known_main(self, catalog: SharedCatalog, model: SharedName, newest: int) -> Commit:
        try:
            return await self._confirm(catalog, model, alias=MAIN)
        except ServerUnreachable:
            return await self._confirm(catalog, model, version=newest)

    async def _by_commit(self, catalog: SharedCatalog, model: SharedName, commit: str) -> Commit:
        at, last = self._confirmed.get((catalog.name, str(model), commit), (0.0, None))
        if last is not None and last.catalog is catalog and self._clock() - at < CONFIRMED_SECONDS:
            return last
        number = last.listing.version.version if last else await _number_of(catalog, model, commit)
        found = await self._confirm(catalog, model, version=number)
        if found.id != commit:
            raise VersionNotFound(f"{found} has other content by now.")
        return found

    async def _confirm(
        self,
        catalog: SharedCatalog,
        model: SharedName,
        *,
        version: int | None = None,
        alias: str | None = None,
    ) -> Commit:
        listing = await catalog.list_files(ModelRef(str(model), version, alias))
        found = Commit(catalog, listing, commit_of(listing.manifest.digest))
        key = (catalog.name, str(model), found.id)
        self._confirmed[key] = (self._clock(), found)
        self._confirmed.move_to_end(key)
        while len(self._confirmed) > 1 and self._files_remembered() > _MOST_FILES_REMEMBERED:
            self._confirmed.popitem(last=False)
        return found

    def _files_remembered(self) -> int:
        return sum(1 + len(commit.listing.manifest.files) for _, commit in self._confirmed.values())


async def _number_of(catalog: SharedCatalog, model: SharedName, commit: str) -> int:
    """Number of the newest version with this commit, of those known here or else of those listed."""
    known = catalog.known_digests(model)
    if commit not in map(commit_of, known.values()):
        versions = await catalog.list_versions(str(model))
        known = {each.version: each.digest for each in versions if each.digest}
    numbers = [number for number, digest in known.items() if commit_of(digest) == commit]
    if not numbers:
        raise VersionNotFound(f"{catalog.name}.{model} has no version with the commit {commit}.")
    return max(numbers)
