"""Artifact cache: content-addressed, shared by every mount and process of one home.

    cache/
    ├── blobs/<sha256>              one verified file content each, read-only
    ├── blobs/<sha256>.<provider>.part      what has arrived of a large one, and
    ├── blobs/<sha256>.<provider>.progress  how much of each of its ranges (`downloads.part_file`)
    ├── delivered/<provider>/…      who delivered what: else it is not here for them (`deliveries`)
    ├── snapshots/<digest>/…        one version's files: hard links to blobs
    ├── selections/<digest>-<key>/… some of them, as somebody asked for: the same, with nothing else in it
    ├── manifests/<digest>.json     which files those are; locked while in use, touched by each use
    ├── views/<key>/…               a snapshot as handed to MLflow, which adds a file of its own
    ├── rates/<provider>.json       how fast its files arrive (`downloads.measured_rates`)
    ├── refs/…                      which version has which digest (`known_state`)
    ├── locks/…                     one file a lock
    └── tmp/…                       what is being built; moved into place by an atomic rename

How damage is noticed. A content that was verified is *sealed*: its modification time is set to a moment
derived from its digest. Each use checks size and seal of every file (one `stat` each); whatever wrote to the
file afterwards broke the seal, so the content is hashed again and dropped if it is not the right one. What a
provider's signed block digests proved is sealed for that provider alone (`integrity`). Damage
that leaves the time stamp alone (failing media, a power cut soon after a download, since blobs are not
synced to disk) is found by `verify=True`, which hashes everything.

How it is kept from being evicted (`maintenance.pruning`). What a manifest names stays, and the manifest stays
while any process holds it (`leases`). It is written before the first of its blobs is looked for, under the
lock `PRUNING_LOCK`, under which the pruner decides what nobody needs: so nothing that is being linked can go.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from model_sharing.cache.deliveries import Deliveries, all_deliveries
from model_sharing.cache.integrity import Integrity
from model_sharing.cache.leases import leases
from model_sharing.cache.linking import link_files
from model_sharing.cache.scratch import Scratch
from model_sharing.cache.sealing import is_damaged
from model_sharing.cache.temporary_views import temporary_view
from model_sharing.filesystem.local_files import (
    StrPath,
    local_path,
    make_folder,
    remove_path,
    replace_file,
    system_path,
    translated_disk_full,
    translated_write_errors,
)
from model_sharing.filesystem.locks import locked
from model_sharing_protocol.errors import CorruptArtifact, SharingError
from model_sharing_protocol.manifest import Manifest, ManifestFile

PRUNING_LOCK = "gate"
_TOUCHED_AFTER_SECONDS = 3600


class Cache:
    """Content-addressed store of blobs, snapshots and views below one folder. Every method may block.

    Reading needs no writing: a cache that was filled before works where nothing can be written. Methods that
    have to write raise InvalidState there.

    It is shared by all, but what one provider delivered is here only for that one. `provider` is what stands
    for it (`Mount.provider_fingerprint`); without, nothing that came from a provider is here. `published` is
    called, from any thread, with the sha256 of each content as it becomes a blob. `accepts_blocks`, if files
    may be used that the provider's signed block digests proved, and whose sha256 nobody computed.
    """

    def __init__(
        self,
        root: Path,
        provider: str = "",
        *,
        published: Callable[[str], None] = lambda _: None,
        accepts_blocks: bool = False,
    ) -> None:
        self.root = root
        self._published = published
        self._deliveries = Deliveries(root, provider)
        self._integrity = Integrity(self._deliveries, accepts_blocks=accepts_blocks)
        self.blobs = root / "blobs"
        self.snapshots = root / "snapshots"
        self.selections = root / "selections"
        self.manifests = root / "manifests"
        self.views = root / "views"
        self._locks = root / "locks"
        self._scratch = Scratch(root)
        self.tmp = self._scratch.folder
        with contextlib.suppress(OSError):  # what is there can be read all the same
            self._make_folders()

    def blob_path(self, sha256: str) -> Path:
        """Path of the verified content with this digest."""
        return self.blobs / sha256

    def part_path(self, sha256: str) -> Path:
        """Path of a large content that the provider has sent in part."""
        return self.blobs / f"{self.name_for_provider(sha256)}.part"

    def rates_path(self) -> Path:
        """Path of the measured rates of this provider's files."""
        return self.root / "rates" / f"{self._deliveries.key}.json"

    def name_for_provider(self, name: str) -> str:
        """Name of this provider's own lock or part file for the content or version called `name`."""
        return f"{name}.{self._deliveries.key}"

    def has_blob(self, file: ManifestFile, *, verify: bool = False) -> bool:
        """True if the content is here, intact and delivered by the provider; a damaged one is dropped."""
        path = system_path(self.blobs, file.sha256)
        if not self._integrity.is_delivered(path, file):
            return False
        if self.is_intact(path, file, verify=verify):
            return True
        with translated_write_errors(self.root), contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return False

    @property
    def accepts_blocks(self) -> bool:
        """True if files may be used that the provider's signed block digests proved."""
        return self._integrity.accepts_blocks

    def is_intact(self, path: StrPath, file: ManifestFile, *, verify: bool = False) -> bool:
        """True if a file is verified for this provider, and was not changed since."""
        return self._integrity.is_intact(path, file, verify=verify)

    def manifest(self, digest: str) -> Manifest | None:
        """Manifest of this digest; None if it is not here."""
        try:
            manifest = Manifest.from_json(self._manifest_path(digest).read_bytes())
        except (OSError, SharingError):
            return None
        return manifest if manifest.digest == digest else None

    def publish_blob(self, path: Path, sha256: str, *, by_blocks: bool = False) -> None:
        """Move a verified file to its place among the blobs, unless it is there already.

        It was verified by its sha256, or `by_blocks`. Raises CorruptArtifact as `Integrity.publish` does.
        """
        self._publish(path, path.stat().st_size, sha256, by_blocks=by_blocks)

    def add_blob(self, content: memoryview, sha256: str) -> None:
        """Make a blob of a content that was verified by its sha256, unless it is there already."""
        with translated_disk_full(self.root):
            path = self._scratch.write(content)
            try:
                self._publish(path, len(content), sha256, by_blocks=False)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(path)
                raise

    def _publish(self, path: StrPath, size: int, sha256: str, *, by_blocks: bool) -> None:
        file = ManifestFile("", size, sha256)
        self._integrity.publish(path, system_path(self.blobs, sha256), file, by_blocks=by_blocks)
        self._published(sha256)

    def snapshot(
        self, manifest: Manifest, *, selected: Manifest | None = None, verify: bool = False
    ) -> Path | None:
        """Folder of a complete, intact snapshot; None if it has to be made (again).

        With `selected`, a manifest of some of its files, the folder that has these alone. It has to be made
        as well if the provider did not deliver each of its files. The caller holds it.
        """
        folder = self.snapshot_folder(manifest, selected)
        if not folder.is_dir():
            return None  # another process may put it there any moment: it is not to be discarded
        if self._is_damaged(folder, selected or manifest, verify=verify):
            self.discard_folder(folder)
            return None
        if not self._is_delivered(folder, manifest, selected):
            return None
        _touch(self._manifest_path(manifest.digest))
        return folder

    def snapshot_folder(self, manifest: Manifest, selected: Manifest | None = None) -> Path:
        """Path of a snapshot, or of a selection of its files, whether it is there or not."""
        if selected is None:
            return self.snapshots / _key(manifest.digest)
        return self.selections / f"{_key(manifest.digest)}-{selection_key(selected)}"

    def _is_damaged(
        self, folder: Path, manifest: Manifest, *, verify: bool, extras: frozenset[str] = frozenset()
    ) -> bool:
        return is_damaged(folder, manifest, partial(self.is_intact, verify=verify), extras=extras)

    def _is_delivered(self, folder: Path, manifest: Manifest, selected: Manifest | None) -> bool:
        """True if the provider delivered the whole version, or each of the files in the folder."""
        if self._deliveries.has_version(_key(manifest.digest)):
            return True
        return all(
            self._integrity.is_delivered(system_path(folder, file.path), file)
            for file in (selected or manifest).files
        )

    def hold_until_exit(self, digest: str) -> None:
        """Hold a version that is held now until this process ends, or `release`, too."""
        with contextlib.suppress(FileNotFoundError):  # somebody deleted the cache just now
            leases.hold(self._manifest_path(digest))

    def release(self, digest: str) -> None:
        """Undo one `hold_until_exit` or `view`: pruning may take it now."""
        leases.release(self._manifest_path(digest))

    @contextlib.contextmanager
    def held_manifest(self, digest: str) -> Iterator[Manifest | None]:
        """Hold a version for the block: nobody prunes what its manifest names. None if that is not here."""
        manifest = self.manifest(digest)
        if manifest is not None:
            try:
                leases.hold(self._manifest_path(digest))
            except FileNotFoundError:  # pruned in this moment
                manifest = None
        try:
            yield manifest
        finally:
            if manifest is not None:
                self.release(digest)

    @contextlib.contextmanager
    def held(self, manifest: Manifest) -> Iterator[None]:
        """Hold a version in the block, and with it the blobs that it names, here already or yet to come."""
        self._hold(manifest)
        try:
            yield
        finally:
            self.release(manifest.digest)

    def _hold(self, manifest: Manifest) -> None:
        path = self._manifest_path(manifest.digest)
        with translated_write_errors(self.root):
            self._make_folders()
            with self.lock(PRUNING_LOCK):
                if not self._has_manifest(manifest):
                    replace_file(path, manifest.to_json())
                leases.hold(path)
        _touch(path)

    def _has_manifest(self, manifest: Manifest) -> bool:
        """True if the manifest, or another one of the same files, is stored."""
        with contextlib.suppress(OSError):
            if self._manifest_path(manifest.digest).read_bytes() == manifest.to_json():
                return True
        return self.manifest(manifest.digest) is not None

    def publish_snapshot(self, manifest: Manifest, *, selected: Manifest | None = None) -> Path:
        """Make the snapshot of `manifest`, whose blobs are all here for the provider: whole or not at all.

        So it makes that of the `selected` of its files. The caller holds it. Raises FileNotFoundError if a
        blob is missing after all.
        """
        folder = self.snapshot_folder(manifest, selected)
        with self.held(manifest), self.scratch() as building:  # held anew if the cache was deleted
            files = selected or manifest
            link_files(files.files, self.blobs, building)
            if not self._install(building, folder):
                self._check_installed(folder, manifest, selected)
            if selected is None and all(self._deliveries.has_content(file.sha256) for file in files.files):
                self._deliveries.record_version(_key(manifest.digest))
        return folder

    def _check_installed(self, folder: Path, manifest: Manifest, selected: Manifest | None) -> None:
        """Check a folder that is there already, which may be another provider's.

        If that provider's files are right and this one's are not, nobody uses what the other one delivered.
        Raises CorruptArtifact then, and FileNotFoundError if the folder was not right, and is gone now.
        """
        files = selected or manifest
        if self._is_damaged(folder, files, verify=False):
            self.discard_folder(folder)
            raise FileNotFoundError(folder)
        if not self._is_delivered(folder, manifest, selected):
            for file in files.files:
                if not self.has_blob(file, verify=True):
                    raise CorruptArtifact(
                        f"The provider signed the blocks of other bytes as {file.path!r} than those with the "
                        "sha256 that it signed. The file was discarded. Report this to the provider."
                    )

    def view(self, manifest: Manifest, key: str, *, writable: frozenset[str]) -> Path:
        """View of a snapshot: a second folder of its files, to which the caller may add files.

        It is the same folder for the same `key`, and held until this process ends. Files named in `writable`
        are copies that may be changed. Where the cache cannot be written, all are, and last as long as this
        process.
        """
        with contextlib.suppress(OSError):
            make_folder(self.views)
        if not os.access(self.views, os.W_OK):
            return temporary_view(manifest, key, lambda file: self.blob_path(file.sha256))
        self._hold(manifest)
        folder = self.views / f"{_key(manifest.digest)}-{key}"
        linked = Manifest(tuple(file for file in manifest.files if file.path not in writable))
        there = folder.is_dir()
        if not there or self._is_damaged(folder, linked, verify=False, extras=writable):
            if there:
                self.discard_folder(folder)
            with translated_write_errors(self.root):
                self._build_view(manifest, linked, folder)
        return folder

    def _build_view(self, manifest: Manifest, linked: Manifest, folder: Path) -> None:
        with self.scratch() as building:
            link_files(linked.files, self.blobs, building)
            for file in manifest.files:
                if file not in linked.files:
                    target = local_path(building, file.path)
                    make_folder(target.parent)
                    shutil.copyfile(self.blob_path(file.sha256), target)
            self._install(building, folder)

    def discard_folder(self, folder: Path) -> None:
        """Remove a snapshot or view that is damaged; it is made again when it is needed."""
        aside = self.temporary()
        with translated_write_errors(self.root), contextlib.suppress(FileNotFoundError):
            folder.rename(aside)
            remove_path(aside)

    def temporary(self) -> Path:
        """Path in this cache that nobody else uses; it does not exist yet, its folder does."""
        return self._scratch.new_path()

    def scratch(self) -> AbstractContextManager[Path]:
        """Temporary path for the block; what the block does not move to its place is removed at its end."""
        return self._scratch.path()

    def remove_abandoned(self, now: float | None = None) -> None:
        """Remove what crashed processes left unfinished a day ago or earlier."""
        self._scratch.remove_abandoned(now)

    @contextlib.contextmanager
    def lock(self, name: str, stopped: Callable[[], bool] = lambda: False) -> Iterator[bool]:
        """Hold the lock of this name; True if it really locks (some network file systems have none).

        `stopped` is asked while waiting for another process; once it is true the wait ends in Interrupted.
        """
        with locked(self._locks / f"{name}.lock", stopped) as really:
            yield really

    def _make_folders(self) -> None:
        # Before threads make folders in them, which take after the permissions that they see.
        others = (self.blobs, self.manifests, all_deliveries(self.root), self._locks, self.tmp)
        for folder in (*others, *self.folders):
            make_folder(folder)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Folders of what is put together of blobs: each entry is named by a version's digest."""
        return self.snapshots, self.selections, self.views

    def _manifest_path(self, digest: str) -> Path:
        return self.manifests / f"{_key(digest)}.json"

    def _install(self, building: Path, folder: Path) -> bool:
        """Move a folder to its place; False if there is one: another process, or provider, was faster."""
        make_folder(folder.parent)
        try:
            building.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
            return False
        return True


def selection_key(selected: Manifest) -> str:
    """Key of a selection of a version's files: 32 hexadecimal digits."""
    return _key(selected.digest)[:32]


def _touch(path: Path) -> None:
    """Record the time of this use, once an hour at most."""
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > _TOUCHED_AFTER_SECONDS:
            os.utime(path)


def _key(digest: str) -> str:
    return digest.removeprefix("sha256:")
