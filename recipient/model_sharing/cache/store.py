"""The artifact cache: content-addressed, shared by every mount and process of one home.

    cache/
    ├── blobs/<sha256>              one verified file content each, read-only
    ├── blobs/<sha256>.<provider>.part      what has arrived of a large one, and
    ├── blobs/<sha256>.<provider>.progress  how much of each of its ranges (`downloads.part_file`)
    ├── delivered/<provider>/…      who delivered what: else it is not here for them (`deliveries`)
    ├── snapshots/<digest>/…        one version's files: hard links to blobs
    ├── manifests/<digest>.json     which files those are; locked while in use, touched by each use
    ├── views/<key>/…               a snapshot as handed to MLflow, which adds a file of its own
    ├── refs/…                      which version has which digest (`known_state`)
    ├── locks/…                     one file a lock
    └── tmp/…                       what is being built; moved into place by an atomic rename

How damage is noticed. A content that was verified is *sealed*: its modification time is set to a moment
derived from its digest. Each use checks size and seal of every file (one `stat` each); whatever wrote to the
file afterwards broke the seal, so the content is hashed again and dropped if it is not the right one. Damage
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
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from model_sharing.cache.deliveries import Deliveries
from model_sharing.cache.leases import leases
from model_sharing.cache.temporary_views import temporary_view
from model_sharing.filesystem.local_files import (
    local_path,
    make_folder,
    model_path,
    replace_file,
    translated_write_errors,
)
from model_sharing.filesystem.locks import locked
from model_sharing_protocol.digests import hash_file
from model_sharing_protocol.errors import SharingError
from model_sharing_protocol.manifest import Manifest, ManifestFile

PRUNING_LOCK = "gate"
_READ_ONLY = 0o444
ABANDONED_AFTER_SECONDS = 24 * 3600
_TOUCHED_AFTER_SECONDS = 3600


class Cache:
    """Blobs, snapshots and views below one folder. Every method may block on the disk.

    Reading needs no writing: a cache that was filled before works where nothing can be written. Methods that
    have to write raise InvalidState there.

    It is shared by all, but what one provider delivered is here only for that one. `provider` is what stands
    for it (`Mount.first_key`); without, nothing that came from a provider is here.
    """

    def __init__(self, root: Path, provider: str = "") -> None:
        self.root = root
        self._deliveries = Deliveries(root, provider)
        self.blobs = root / "blobs"
        self.snapshots = root / "snapshots"
        self.manifests = root / "manifests"
        self.views = root / "views"
        self._locks = root / "locks"
        self.tmp = root / "tmp"
        with contextlib.suppress(OSError):  # what is there can be read all the same
            self._make_folders()

    def blob_path(self, sha256: str) -> Path:
        return self.blobs / sha256

    def part_path(self, sha256: str) -> Path:
        """Where what the provider has sent of a large content waits for the rest."""
        return self.blobs / f"{self.own(sha256)}.part"

    def own(self, name: str) -> str:
        """A name of the provider's own for what goes by `name` elsewhere."""
        return f"{name}.{self._deliveries.key}"

    def has_blob(self, file: ManifestFile, *, verify: bool = False) -> bool:
        """True if the content is here, intact and delivered by the provider; a damaged one is dropped."""
        path = self.blob_path(file.sha256)
        if intact(path, file, verify=verify):
            return self._deliveries.has_content(file.sha256)
        with translated_write_errors(self.root):
            path.unlink(missing_ok=True)
        return False

    def manifest(self, digest: str) -> Manifest | None:
        """The manifest of this digest, if it is here."""
        try:
            manifest = Manifest.from_json(self._record(digest).read_bytes())
        except (OSError, SharingError):
            return None
        return manifest if manifest.digest == digest else None

    def publish_blob(self, path: Path, sha256: str) -> None:
        """Move a verified file from below this cache into its place, unless it was there already.

        It is noted first: if the process dies in between, the provider has sent it nevertheless.
        """
        _seal(path, sha256)
        self._deliveries.note_content(sha256)
        blob = self.blob_path(sha256)
        if intact(blob, ManifestFile(path.name, path.stat().st_size, sha256), verify=False):
            path.unlink()  # another provider sent the same
        else:
            path.replace(blob)

    def snapshot(self, digest: str, *, verify: bool = False) -> tuple[Path, Manifest] | None:
        """The folder and manifest of a complete, intact snapshot; None if it has to be made (again).

        So it has if the provider did not deliver each of its files. Nobody prunes it before this process
        ends, or lets go of it by `release`.
        """
        manifest = self.hold(digest)
        if manifest is None:
            return None
        folder = self.snapshots / _key(digest)
        there = (
            folder.is_dir()
        )  # if not, another process may put it there any moment: it is not to be dropped
        if not there or damaged(folder, manifest, verify=verify):
            if there:
                self.drop(folder)
            self.release(digest)
            return None
        if not self._deliveries.has_version(_key(digest)):
            self.release(digest)
            return None
        _touch(self._record(digest))
        return folder, manifest

    def hold(self, digest: str) -> Manifest | None:
        """The manifest of this digest, if it is here: nobody prunes what it names before `release`."""
        manifest = self.manifest(digest)
        if manifest is None:
            return None
        try:
            leases.hold(self._record(digest))
        except FileNotFoundError:  # pruned in this moment
            return None
        return manifest

    def reserve(self, manifest: Manifest) -> None:
        """Hold `manifest` as in use, and with it the blobs that it names, here already or yet to come."""
        record = self._record(manifest.digest)
        with translated_write_errors(self.root):
            self._make_folders()
            with self.lock(PRUNING_LOCK):
                if self.manifest(manifest.digest) is None:
                    replace_file(record, manifest.to_json())
                leases.hold(record)
        _touch(record)

    def release(self, digest: str) -> None:
        """Undo one `hold`, `snapshot`, `reserve`, `publish_snapshot` or `view`: pruning may take it now."""
        leases.release(self._record(digest))

    def publish_snapshot(self, manifest: Manifest) -> Path:
        """Make the snapshot of `manifest`, whose blobs are all here for the provider: whole or not at all.

        It is held, as by `snapshot`. Raises FileNotFoundError if a blob is missing after all.
        """
        folder = self.snapshots / _key(manifest.digest)
        building = self.temporary()
        self.reserve(manifest)
        try:
            self._link(manifest.files, building)
            self._install(building, folder)
            self._deliveries.note_version(_key(manifest.digest))
        except BaseException:
            remove(building)
            self.release(manifest.digest)
            raise
        return folder

    def view(self, manifest: Manifest, key: str, *, writable: frozenset[str]) -> Path:
        """A second folder of a snapshot's files, to which the caller may add files.

        It is the same folder for the same `key`, and held, as by `snapshot`. Files named in `writable` are
        copies that may be changed. Where the cache cannot be written, all are, and last as long as this
        process.
        """
        with contextlib.suppress(OSError):
            make_folder(self.views)
        if not os.access(self.views, os.W_OK):
            return temporary_view(manifest, key, lambda file: self.blob_path(file.sha256))
        self.reserve(manifest)
        folder = self.views / f"{_key(manifest.digest)}-{key}"
        linked = Manifest(tuple(file for file in manifest.files if file.path not in writable))
        there = folder.is_dir()
        if not there or damaged(folder, linked, verify=False, extras=writable):
            if there:
                self.drop(folder)
            with translated_write_errors(self.root):
                self._build_view(manifest, linked, folder)
        return folder

    def _build_view(self, manifest: Manifest, linked: Manifest, folder: Path) -> None:
        building = self.temporary()
        self._link(linked.files, building)
        for file in manifest.files:
            if file not in linked.files:
                target = local_path(building, file.path)
                make_folder(target.parent)
                shutil.copyfile(self.blob_path(file.sha256), target)
        self._install(building, folder)

    def drop(self, folder: Path) -> None:
        """Remove a snapshot or view that is damaged; it is made again when it is needed."""
        aside = self.temporary()
        with translated_write_errors(self.root), contextlib.suppress(FileNotFoundError):
            folder.rename(aside)
            remove(aside)

    def temporary(self) -> Path:
        """A path in this cache that nobody else uses; it does not exist yet, its folder does."""
        with translated_write_errors(self.root):
            make_folder(self.tmp)
        return self.tmp / uuid.uuid4().hex

    def sweep(self, now: float | None = None) -> None:
        """Remove what crashed processes left unfinished a day ago or earlier.

        By the time of the last change, not of the modification: that of a sealed file is decades ago.
        """
        limit = (time.time() if now is None else now) - ABANDONED_AFTER_SECONDS
        for path in children(self.tmp):
            with contextlib.suppress(OSError):
                if path.lstat().st_ctime < limit:
                    remove(path)

    @contextlib.contextmanager
    def lock(self, name: str, stopped: Callable[[], bool] = lambda: False) -> Iterator[bool]:
        """Hold the lock of this name; True if it really locks (some network file systems have none).

        `stopped` is asked while waiting for another process; once it is true the wait ends in Interrupted.
        """
        with locked(self._locks / f"{name}.lock", stopped) as really:
            yield really

    def _make_folders(self) -> None:
        for folder in (self.blobs, self.snapshots, self.manifests, self.views, self._locks, self.tmp):
            make_folder(folder)

    def _record(self, digest: str) -> Path:
        return self.manifests / f"{_key(digest)}.json"

    def _link(self, files: tuple[ManifestFile, ...], folder: Path) -> None:
        make_folder(folder)
        made = {folder}
        for file in files:
            target = local_path(folder, file.path)
            if target.parent not in made:
                make_folder(target.parent)
                made.add(target.parent)
            blob = self.blob_path(file.sha256)
            try:
                os.link(blob, target)
            except OSError:  # no hard links here, or too many of this blob
                shutil.copyfile(blob, target)
                _seal(target, file.sha256)

    def _install(self, building: Path, folder: Path) -> None:
        make_folder(folder.parent)
        try:
            building.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
            remove(building)  # another process was faster, with the same content


def damaged(folder: Path, manifest: Manifest, *, verify: bool, extras: frozenset[str] = frozenset()) -> bool:
    """True if the folder does not hold exactly the manifest's files, each intact."""
    files = {file.path: file for file in manifest.files}
    found = 0
    for path in walk(folder, ""):
        file = files.get(path)
        if file is None:
            if path in extras:
                continue
            return True
        if not intact(local_path(folder, path), file, verify=verify):
            return True
        found += 1
    return found != len(files)


def walk(folder: Path, prefix: str) -> Iterator[str]:
    """Relative paths of the files below `folder`, without byte code that Python left there."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__":
                yield from walk(folder / entry.name, f"{prefix}{model_path(entry.name)}/")
        else:
            yield prefix + model_path(entry.name)


def intact(path: Path, file: ManifestFile, *, verify: bool) -> bool:
    """True if the file has its seal, or else (or with `verify`) the right content, which seals it again."""
    try:
        status = path.lstat()
    except OSError:
        return False
    if status.st_size != file.size or not path.is_file() or path.is_symlink():
        return False
    if status.st_mtime_ns == _sealed_at(file.sha256) and not verify:
        return True
    try:
        if hash_file(path) != (file.size, file.sha256):
            return False
    except OSError:
        return False
    with contextlib.suppress(OSError):  # somebody else's, or on a disk that is read only
        _seal(path, file.sha256)
    return True


def _touch(record: Path) -> None:
    """Note that it was used, once an hour at most."""
    with contextlib.suppress(OSError):
        if time.time() - record.stat().st_mtime > _TOUCHED_AFTER_SECONDS:
            os.utime(record)


def _seal(path: Path, sha256: str) -> None:
    moment = _sealed_at(sha256)
    os.utime(path, ns=(moment, moment))
    if os.name == "posix":  # elsewhere it could not be deleted, nor sealed again
        path.chmod(_READ_ONLY)


def _sealed_at(sha256: str) -> int:
    """A moment from 1980 to 1988 in nanoseconds: whole even seconds, which any disk can hold."""
    return (315_619_200 + (int(sha256[:7], 16) & ~1)) * 1_000_000_000


def _key(digest: str) -> str:
    return digest.removeprefix("sha256:")


def children(folder: Path) -> list[Path]:
    """What is in a folder, sorted; nothing if it is not there (any more)."""
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def remove(path: Path) -> None:
    """Remove a file or a whole folder, as far as that can be done."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
