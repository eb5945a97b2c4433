"""Storage check: every file of a version is present and intact, and every stored object has a row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum

from model_sharing_protocol.errors import CorruptArtifact, NotFound, PermissionDenied
from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_protocol.pages import PageRequest
from model_sharing_protocol.progress import Meter, ProgressCallback
from model_sharing_provider.artifacts.manifests import Manifests, auxiliary_file_paths
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.securables import ModelVersion, SecurableType, VersionStatus
from model_sharing_provider.governance import rules
from model_sharing_provider.services.administration.orphans import OrphanedArtifacts, find_orphans
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.mirroring.pull_through import PullThrough


class Damage(StrEnum):
    MISSING = "MISSING"
    CORRUPT = "CORRUPT"
    UNREADABLE = "UNREADABLE"
    UNEXPECTED = "UNEXPECTED"


@dataclass(frozen=True, slots=True)
class Problem:
    """Problem of a version: a file that differs from the registration; an empty `path` is the manifest."""

    version: ModelVersion
    damage: Damage
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings of a check; `size` is that of the checked versions, in bytes."""

    num_versions: int
    num_files: int
    size: int
    problems: list[Problem]
    orphans: OrphanedArtifacts


class Fsck:
    def __init__(self, artifacts: ArtifactStore, manifests: Manifests, pulls: PullThrough) -> None:
        self._artifacts = artifacts
        self._manifests = manifests
        self._pulls = pulls

    async def check(
        self, context: Context, *, quick: bool = False, progress: ProgressCallback | None = None
    ) -> Findings:
        """Check every READY version and every stored object, without changing anything.

        Every byte is read and hashed; with `quick`, only the presence and size of files is checked. Files of
        shared catalogs that were not fetched are not missing. Concurrent changes are not reported as
        problems. Raises PermissionDenied.
        """
        async with context.view(AuditAction.CHECK_STORAGE, Target(SecurableType.METASTORE)) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
            files_total, total = await operation.rows.versions.count_ready()
        meter = Meter(progress)
        meter.begin("checking", total, files_total)
        problems: list[Problem] = []
        versions = files = size = 0

        def count_file(file: ManifestFile) -> None:
            nonlocal files, size
            files, size = files + 1, size + file.size
            meter.file_done()

        async for version in _ready_versions(context):
            found = [
                problem async for problem in self._problems(context, version, count_file, meter, quick=quick)
            ]
            if found and await _is_ready(context, version):
                problems += await self._not_evicted(context, version, found)
            versions += 1
        meter.begin("looking for objects without a row")
        return Findings(versions, files, size, problems, await find_orphans(context, self._artifacts))

    async def _not_evicted(
        self, context: Context, version: ModelVersion, problems: list[Problem]
    ) -> list[Problem]:
        """Problems without those of files that were deleted here meanwhile, to be fetched again."""
        if not version.origin_provider or not all(problem.path for problem in problems):
            return problems
        manifest = (await self._manifests.read(version.id)).manifest
        stored = {file.path for file in await self._pulls.stored_files(context, version, manifest)}
        known = {file.path for file in manifest.files}
        return [problem for problem in problems if problem.path in stored or problem.path not in known]

    async def _problems(
        self,
        context: Context,
        version: ModelVersion,
        count_file: Callable[[ManifestFile], None],
        meter: Meter,
        *,
        quick: bool,
    ) -> AsyncIterator[Problem]:
        try:
            manifest = await self._manifests.read_stored(version.id)
        except NotFound as error:
            yield Problem(version, Damage.MISSING, "", error.message)
            return
        except CorruptArtifact as error:
            yield Problem(version, Damage.CORRUPT, "", error.message)
            return
        if manifest.digest != version.digest:
            reason = f"The manifest has the digest {manifest.digest}, the version has {version.digest}."
            yield Problem(version, Damage.CORRUPT, "", reason)
            return
        stored = await self._pulls.stored_files(context, version, manifest)
        meter.advance(manifest.size - sum(file.size for file in stored))
        for file in stored:
            path = f"{version.storage_path}/{file.path}"
            if problem := await self._problem(version, file, path, meter, quick=quick):
                yield problem
            count_file(file)
        for file, path in auxiliary_file_paths(version.id, manifest):
            meter.expect(file.size)
            if problem := await self._problem(version, file, path, meter, quick=quick):
                yield problem
        if not version.in_place:
            async for path in self._unexpected(version, manifest):
                yield Problem(version, Damage.UNEXPECTED, path, "The manifest names no such file.")

    async def _problem(
        self, version: ModelVersion, file: ManifestFile, path: str, meter: Meter, *, quick: bool
    ) -> Problem | None:
        read = 0

        def advance(size: int) -> None:
            nonlocal read
            read += size
            meter.advance(size)

        try:
            await self._artifacts.check_size(path, file.size)
            if quick or await self._artifacts.sha256(path, file.size, advance) == file.sha256:
                return None
        except NotFound as error:
            return Problem(version, Damage.MISSING, file.path, error.message)
        except CorruptArtifact as error:
            return Problem(version, Damage.CORRUPT, file.path, error.message)
        except PermissionDenied as error:
            return Problem(version, Damage.UNREADABLE, file.path, error.message)
        finally:
            meter.advance(file.size - read)  # the rest of the file is skipped
        return Problem(version, Damage.CORRUPT, file.path, f"Its sha256 is no longer {file.sha256}.")

    async def _unexpected(self, version: ModelVersion, manifest: Manifest) -> AsyncIterator[str]:
        expected = {f"{version.storage_path}/{file.path}" for file in manifest.files}
        found: dict[str, int] = {}
        async for batch in self._artifacts.list(version.storage_path):
            extra = [item for item in batch if item.path not in expected]
            found |= {item.path.removeprefix(f"{version.storage_path}/"): item.size for item in extra}
        markers = await self._artifacts.folder_markers(version.storage_path, found)
        for path in found.keys() - markers:
            yield path


async def _ready_versions(context: Context) -> AsyncIterator[ModelVersion]:
    request = PageRequest()
    while True:
        async with context.read_unaudited() as rows:
            page = await rows.versions.page_ready(request)
        for version in page.items:
            yield version
        if page.last_key is None:
            return
        request = PageRequest(after=page.last_key)


async def _is_ready(context: Context, version: ModelVersion) -> bool:
    async with context.read_unaudited() as rows:
        return (await rows.versions.statuses({version.id})).get(version.id) is VersionStatus.READY
