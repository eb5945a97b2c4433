"""MLflow artifact repository of a shared version's files, read-only, served from the verified cache.

MLflow loads whatever it is handed, and a download for loading cannot be told from any other. So on a mount
without trust, a version whose load could run code is not handed over at all.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mlflow.entities import FileInfo
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, INVALID_STATE, RESOURCE_DOES_NOT_EXIST
from mlflow.store.artifact.artifact_repo import ArtifactRepository

from model_sharing.mlflow_plugin.errors import as_mlflow_errors
from model_sharing.mlflow_plugin.uris import parse_artifact_uri
from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_protocol.names import FullName
from model_sharing_protocol.paths import check_relative_path
from model_sharing_protocol.printable import printable

if TYPE_CHECKING:
    from model_sharing.catalogs.shared_catalog import SharedCatalog
    from model_sharing.catalogs.snapshots import Snapshot

_WRITTEN_BY_MLFLOW = frozenset({"registered_model_meta"})


class SharedArtifactRepository(ArtifactRepository):  # type: ignore[misc]  # MLflow is not typed
    """Artifact repository of `model-sharing://<mount>/<schema>.<model>/<version>`."""

    def __init__(
        self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
    ) -> None:
        # MLflow before 3.8 hands over, and takes, one or two of the three; nothing here reads the others.
        super().__init__(artifact_uri)
        with as_mlflow_errors():
            self._ref, self._below = parse_artifact_uri(artifact_uri)

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """List files and folders directly below `path`; nothing for a file."""
        with as_mlflow_errors():
            manifest = self._snapshot().manifest
            folder = self._inside(path)
        prefix = f"{folder}/" if folder else ""
        start = len(self._below) + 1 if self._below else 0
        found: dict[str, FileInfo] = {}
        for file in manifest.files:
            if file.path.startswith(prefix):
                name, below, _ = file.path[len(prefix) :].partition("/")
                shown = (prefix + name)[start:]
                found[shown] = FileInfo(shown, bool(below), None if below else file.size)
        return [found[name] for name in sorted(found)]

    def download_artifacts(self, artifact_path: str | None, dst_path: str | None = None) -> str:
        """Get a file or folder of the version on this disk.

        With `dst_path` it is copied there; without, the answer is a folder in the cache, to which MLflow adds
        a file of its own. That folder is shared by all processes and not to be changed.
        """
        with as_mlflow_errors():
            snapshot = self._permitted(artifact_path)
            wanted = self._inside(artifact_path)
            files = [file for file in snapshot.manifest.files if _is_below(file.path, wanted)]
            if not files:
                raise _no_such_file(str(artifact_path), self.artifact_uri)
            if dst_path is None:
                return str(self._view(Manifest(tuple(files))) / wanted)
            return str(self._copy(snapshot, files, Path(dst_path).absolute(), artifact_path))

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        with as_mlflow_errors():
            snapshot = self._permitted(remote_file_path)
            wanted = self._inside(remote_file_path)
            if not any(file.path == wanted for file in snapshot.manifest.files):
                raise _no_such_file(remote_file_path, self.artifact_uri)
            shutil.copyfile(snapshot.folder / wanted, local_path)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> NoReturn:
        """Refuse, since a share is read-only."""
        raise _read_only("log_artifact")

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> NoReturn:
        """Refuse, since a share is read-only."""
        raise _read_only("log_artifacts")

    def delete_artifacts(self, artifact_path: str | None = None) -> NoReturn:
        """Refuse, since a share is read-only."""
        raise _read_only("delete_artifacts")

    def _catalog(self) -> SharedCatalog:
        from model_sharing.api import background_loop  # noqa: PLC0415  # MLflow imports this at its own import
        from model_sharing.mount_table import MountTable  # noqa: PLC0415
        from model_sharing.settings import Settings  # noqa: PLC0415

        settings = Settings.from_environment()
        mount = MountTable(settings.mounts).get(FullName.parse(self._ref.name).catalog)
        return background_loop.shared_catalog(mount, settings)

    def _snapshot(self) -> Snapshot:
        from model_sharing.api import blocking  # noqa: PLC0415

        return blocking.catalog(FullName.parse(self._ref.name).catalog).snapshot(self._ref)

    def _permitted(self, path: str | None) -> Snapshot:
        """Snapshot, if MLflow may have `path` of it: all of it, or a file that is only ever data."""
        from model_sharing import policy  # noqa: PLC0415

        snapshot = self._snapshot()
        paths = frozenset(file.path for file in snapshot.manifest.files)
        wanted = self._inside(path)
        harmless = (
            wanted in paths
            and policy.is_inert_file(wanted)
            and not any(policy.environment_findings(snapshot.folder, frozenset({wanted})))
        )
        if not self._catalog().mount.trust_remote_code and not harmless:
            subject = f"{self._ref.name} version {self._ref.version}"
            policy.check_has_mlmodel(paths, subject)
            policy.check_inert(snapshot.folder, paths, subject)
        return snapshot

    def _inside(self, path: str | None) -> str:
        parts = [part for part in (self._below, (path or "").strip("/")) if part]
        return check_relative_path("/".join(parts)) if parts else ""

    def _view(self, manifest: Manifest) -> Path:
        """View of these files for this model and version, where MLflow may note both down."""
        key = hashlib.sha256(str(self._ref).encode()).hexdigest()[:16]
        return self._catalog().cache.view(manifest, key, writable=_WRITTEN_BY_MLFLOW)

    def _copy(
        self, snapshot: Snapshot, files: list[ManifestFile], target: Path, artifact_path: str | None
    ) -> Path:
        from model_sharing.exports.copying import copy_files  # noqa: PLC0415
        from model_sharing.filesystem.local_files import local_path  # noqa: PLC0415

        if not target.is_dir():
            raise MlflowException(
                printable(f"The destination folder {target} does not exist."),
                RESOURCE_DOES_NOT_EXIST if not target.exists() else INVALID_PARAMETER_VALUE,
            )
        source = snapshot.folder / self._below
        with tempfile.TemporaryDirectory(dir=target, prefix=".model-sharing-") as staging:
            below = tuple(
                ManifestFile(file.path[len(self._below) :].lstrip("/"), file.size, file.sha256)
                for file in files
            )
            copy_files(source, Manifest(below), Path(staging))
            for file in below:
                place = local_path(target, file.path)
                place.parent.mkdir(parents=True, exist_ok=True)
                local_path(Path(staging), file.path).replace(place)
        return target / (artifact_path or "").strip("/")


def _is_below(path: str, wanted: str) -> bool:
    return not wanted or path == wanted or path.startswith(f"{wanted}/")


def _no_such_file(path: str, uri: str) -> MlflowException:
    return MlflowException(f"The file or folder {path!r} does not exist in {uri}.", RESOURCE_DOES_NOT_EXIST)


def _read_only(name: str) -> MlflowException:
    return MlflowException(
        f"{name} is not possible: models mounted from a share are read-only.", error_code=INVALID_STATE
    )
