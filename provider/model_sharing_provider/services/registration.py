"""Register a local folder as a new version of a model: bytes first, row last.

Until the row is there, nobody sees anything of the version. If a step fails, what was copied is deleted; if
the process dies, what was copied lies unreferenced below ids that nothing names.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from model_sharing_protocol.errors import InvalidModel
from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_protocol.names import FullName, check_alias
from model_sharing_protocol.paths import check_no_twins, check_relative_path
from model_sharing_provider.artifacts.locations import version_root
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore, check_storable
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.securables import ModelVersion, SecurableType, VersionStatus
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.mlmodel import MAX_MLMODEL_BYTES, MLMODEL, MLmodel, parse_mlmodel
from model_sharing_provider.services.models import add_model, authorize_new_version, put_alias

_PARALLEL_FILES = 4

Progress = Callable[[int, int], None]
"""Called with the bytes copied so far and the bytes there are."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A folder that was looked through: its files with their sizes, and what its MLmodel says."""

    folder: Path
    files: dict[str, int]
    mlmodel: MLmodel


class Registration:
    def __init__(self, artifacts: ArtifactStore, manifests: Manifests) -> None:
        self._artifacts = artifacts
        self._manifests = manifests

    async def register(
        self,
        context: Context,
        folder: Path,
        name: FullName,
        *,
        alias: str | None = None,
        comment: str = "",
        progress: Progress | None = None,
    ) -> ModelVersion:
        """Copy an MLflow model from `folder` and publish it as the next version of `name`.

        The model is created if it is not there; its schema must be. Raises InvalidModel for a folder that is
        no MLflow model or has no signature, UnsafePath, NotFound, DiskFull.
        """
        if alias is not None:
            check_alias(alias)
        target = Target(SecurableType.MODEL, str(name))
        async with context.view("checkModelRegistration", target) as operation:
            known = await authorize_new_version(operation, name)
            source = await asyncio.to_thread(_inspect, folder)
        model_id = known.id if known else str(uuid4())
        version_id = str(uuid4())
        root = version_root(model_id, version_id)
        try:
            manifest = await self._copy(source, root, progress)
            await self._manifests.write(version_id, manifest)
        except BaseException:
            await self._discard(root, version_id)
            raise
        try:
            async with context.change("createModelVersion", target) as operation:
                model = await authorize_new_version(operation, name)
                if model is None:
                    model = await add_model(operation, name, model_id=model_id)
                version = ModelVersion(
                    id=version_id,
                    model_id=model.id,
                    full_name=name,
                    version=await operation.rows.versions.next_number(model.id),
                    status=VersionStatus.READY,
                    comment=comment,
                    source=source.folder.as_uri(),
                    run_id=source.mlmodel.run_id,
                    storage_path=root,
                    signature=source.mlmodel.signature,
                    digest=manifest.digest,
                    size=manifest.size,
                    num_files=len(manifest.files),
                    aliases=(alias,) if alias else (),
                    created_at=operation.now,
                    created_by=operation.principal.name,
                    updated_at=operation.now,
                )
                await operation.rows.versions.add(version)
                await operation.rows.models.touch(model.id, operation.now)
                if alias:
                    await put_alias(operation, model, alias, version.version)
        except Exception:
            # Not for a cancellation: the commit that it interrupted may have gone through.
            await self._discard(root, version_id)
            raise
        return version

    async def _discard(self, root: str, version_id: str) -> None:
        await self._artifacts.delete_below(root)
        await self._manifests.delete(version_id)

    async def _copy(self, source: _Source, root: str, progress: Progress | None) -> Manifest:
        total = sum(source.files.values())
        copied = 0
        slots = asyncio.Semaphore(_PARALLEL_FILES)

        async def copy(path: str) -> ManifestFile:
            nonlocal copied
            async with slots:
                size, sha256 = await self._artifacts.put_file(f"{root}/{path}", source.folder / path)
            copied += size
            if progress:
                progress(copied, total)
            return ManifestFile(path, size, sha256)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(copy(path)) for path in source.files]
        except ExceptionGroup as failures:
            # One file that fails ends the rest; its own error is what a person can act on.
            raise failures.exceptions[0] from failures
        await self._artifacts.sync(root)
        return Manifest.of(task.result() for task in tasks)


def _inspect(folder: Path) -> _Source:
    """Look a folder through before a byte is copied, so that what cannot be registered costs nothing."""
    mlmodel = folder / MLMODEL
    if not folder.is_dir() or not mlmodel.is_file():
        raise InvalidModel(
            f"{folder} is no MLflow model: it has no {MLMODEL} file. "
            "Give the folder that mlflow.<flavor>.save_model wrote."
        )
    with mlmodel.open("rb") as file:
        parsed = parse_mlmodel(file.read(MAX_MLMODEL_BYTES + 1))
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in _files(folder)}
    for path in files:
        check_storable(check_relative_path(path))
    check_no_twins(files)
    return _Source(folder.resolve(), files, parsed)


def _give_up(error: OSError) -> None:
    """A folder that cannot be looked into must not be left out in silence."""
    raise InvalidModel(f"{error.filename} cannot be read: {error.strerror}.") from error


def _files(folder: Path) -> list[Path]:
    found = []
    for parent, folders, names in os.walk(folder, onerror=_give_up):
        for name in folders:
            if (Path(parent) / name).is_symlink():
                raise InvalidModel(
                    f"{Path(parent) / name} is a symbolic link to a folder; copy the folder in."
                )
        for name in names:
            path = Path(parent) / name
            if not path.is_file():
                raise InvalidModel(
                    f"{path} is not a regular file; a model consists of files and folders only."
                )
            found.append(path)
    return sorted(found)
