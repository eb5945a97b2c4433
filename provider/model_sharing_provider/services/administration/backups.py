"""Backups of rows and secrets, and the steps after a restore.

A backup is a folder with the rows and the files of secrets and keys. It does not include artifacts: they
never change, so any tool that copies folders or buckets can copy them, after the rows.
"""

from __future__ import annotations

import asyncio
import errno
import shutil
from collections.abc import Sequence
from pathlib import Path

from model_sharing_protocol.atomic_files import new_file, sync
from model_sharing_protocol.errors import AlreadyExists, DiskFull, InvalidParameter, NotFound
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance import rules
from model_sharing_provider.metastore.database import Database, open_database
from model_sharing_provider.services.context import Context

ROWS = "metastore.db"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_METASTORE = Target(SecurableType.METASTORE)


class Backups:
    def __init__(self, database: Database, files: Sequence[Path]) -> None:
        """`files` are the files without which the rows are useless: secrets and keys."""
        self._database = database
        self._files = files

    async def create(self, context: Context, folder: Path) -> Path:
        """Write a backup to a new folder, complete or not at all, while servers keep running.

        Raises AlreadyExists, DiskFull, InvalidParameter for a path that cannot be written,
        UnsupportedOperation for a database that has backup tools of its own, PermissionDenied.
        """
        async with context.view(AuditAction.BACK_UP_METASTORE, _METASTORE) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
            unfinished = await asyncio.to_thread(_new_folder, folder)
            try:
                await self._database.back_up(unfinished / ROWS)
                await asyncio.to_thread(_take_along, self._files, unfinished)
                await asyncio.to_thread(_publish, unfinished, folder)
            except BaseException as error:
                await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
                if isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in _NO_ROOM):
                    raise DiskFull(
                        f"There is no disk space left for a backup in {folder}; free some space."
                    ) from error
                raise
        return folder

    async def announce(self, context: Context) -> int:
        """Mark all shares as changed after a restore; return their number.

        Recipients refuse answers older than those they have seen. From now on every share counts as changed
        at this moment, which is later than anything they can have seen. Files of shared catalogs are fetched
        again where the store lacks them.
        """
        async with context.change(AuditAction.ANNOUNCE_RESTORE, _METASTORE) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
            await operation.rows.pulled_parts.forget_all()
            return await operation.rows.shares.touch_all(operation.now)

    async def compact(self, context: Context) -> None:
        """Release the disk space of deleted rows, while servers keep running. Raises DiskFull."""
        async with context.view(AuditAction.COMPACT_METASTORE, _METASTORE) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
        await self._database.compact()

    async def copy_to(self, context: Context, url: str) -> dict[str, int]:
        """Copy all rows to the empty database at `url`; return the number of rows by table.

        Writers wait meanwhile; rows written afterwards are not copied. Raises InvalidState for a database
        that is not empty, InvalidParameter, MetastoreUnavailable, PermissionDenied.
        """
        async with context.view(AuditAction.COPY_METASTORE, _METASTORE) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
            target = await open_database(url)
            try:
                return await self._database.copy_to(target)
            finally:
                await target.close()


def put_back(folder: Path, database: Path, files: Sequence[Path]) -> None:
    """Restore a backup into a home without rows and secrets. Blocking.

    Raises NotFound for a folder that is not a backup, AlreadyExists for a home in use, DiskFull.
    """
    places = {folder / ROWS: database, **{folder / file.name: file for file in files}}
    for source, target in places.items():
        if not source.is_file():
            raise NotFound(f"{folder} is not a backup: it has no {source.name}.")
        if target.exists():
            raise AlreadyExists(f"{target} exists already; a backup can only be restored into an empty home.")
    written: list[Path] = []
    try:
        # The rows last: a home with rows counts as in use.
        for source, target in reversed(places.items()):
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            written.append(target)
            _copy_private(source, target)
    except BaseException as error:
        for path in written:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise DiskFull(f"There is no disk space left in {database.parent}; free some space.") from error
        raise


def _new_folder(folder: Path) -> Path:
    if folder.exists():
        raise AlreadyExists(f"{folder} exists already; give a new folder for each backup.")
    if not folder.parent.is_dir():
        raise InvalidParameter(f"The folder {folder.parent} does not exist; create it first.")
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
    except OSError as error:
        raise InvalidParameter(f"{folder} cannot be written: {error.strerror}.") from error
    return unfinished


def _take_along(files: Sequence[Path], folder: Path) -> None:
    (folder / ROWS).chmod(0o600)
    for file in files:
        _copy_private(file, folder / file.name)


def _publish(unfinished: Path, folder: Path) -> None:
    """Rename a backup to its final name, once all of it would survive a power cut."""
    for path in (*unfinished.iterdir(), unfinished):
        sync(path)
    unfinished.rename(folder)
    sync(folder.parent)


def _copy_private(source: Path, target: Path) -> None:
    with new_file(target) as fresh:
        shutil.copyfile(source, fresh)
