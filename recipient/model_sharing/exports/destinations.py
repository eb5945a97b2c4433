"""Destinations of downloads: folders that a version's files are copied to, with the signature beside them.

A folder that does not exist yet appears whole, by a rename. One that exists and is empty is filled where it
is: it may be the root of a mounted disk, or lie in a folder that is somebody else's. The files are copied to
a hidden folder inside, moved up when all are there, and the signature comes last. An error empties it again;
a process that is killed while it copies leaves that hidden folder, which the next download removes.
"""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from model_sharing.exports.copying import copy_files
from model_sharing.exports.verification import LOST_AND_FOUND, signature_inside, signature_path
from model_sharing.filesystem.local_files import (
    UNWRITABLE,
    held_open,
    remove_path,
    removed_unless_moved,
    translated_disk_full,
)
from model_sharing_protocol.atomic_files import write_file
from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, InvalidState, SharingWarning
from model_sharing_protocol.manifest import Manifest

STAGING = ".model-sharing-"
_READABLE = 0o666


class SignaturePlaceWarning(SharingWarning):
    """Signature of a download written to another place than usual."""


def check_destination(destination: Path) -> Path:
    """Absolute path of a folder that a version can be downloaded to: a new or an empty one.

    Raises AlreadyExists for anything else that is there, InvalidParameter for a folder that cannot be made.
    """
    target = check_new_or_empty(destination)
    if signature_path(target).exists():
        raise AlreadyExists(
            f"{signature_path(target)}, where the signature goes, exists. Nothing was touched."
        )
    return target


def check_new_or_empty(destination: Path) -> Path:
    """Absolute path of a new or an empty folder. Raises as `check_destination` does."""
    target = destination.expanduser().absolute()
    if (target.exists() or target.is_symlink()) and not (target.is_dir() and is_empty(target)):
        raise AlreadyExists(f"{destination} exists and is not an empty folder. Nothing was touched.")
    if not target.parent.is_dir():
        raise InvalidParameter(f"The folder {target.parent} does not exist.")
    return target


def copy_to_destination(
    folder: Path, manifest: Manifest, signature: bytes, target: Path, copied: Callable[[int], None]
) -> None:
    """Copy a snapshot's files to a checked destination, all or none, and then write the signature.

    `copied` is told the size of each file that was. Raises DiskFull, or InvalidState for a place that cannot
    be written to.
    """
    with translated_errors(target), translated_disk_full(target):
        if target.exists():
            _fill_folder(folder, manifest, signature, target, copied)
        else:
            _create_folder(folder, manifest, signature, target, copied)


def _create_folder(
    folder: Path, manifest: Manifest, signature: bytes, target: Path, copied: Callable[[int], None]
) -> None:
    building = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name[:100]}."))
    with removed_unless_moved(building):
        with held_open(building) as place:
            copy_files(folder, manifest, place, copied)
            place.chmod(0o755)
            if building.is_symlink():
                raise InvalidState(f"Somebody else moved {building} away; choose another destination.")
        building.rename(target)
    try:
        write_file(signature_path(target), signature, mode=_READABLE, durable=False)
    except BaseException:
        remove_path(target)
        raise


def _fill_folder(
    folder: Path, manifest: Manifest, signature: bytes, target: Path, copied: Callable[[int], None]
) -> None:
    moved: list[Path] = []
    with (
        removed_unless_moved(Path(tempfile.mkdtemp(dir=target, prefix=STAGING))) as staging,
        held_open(staging) as place,
    ):
        try:
            copy_files(folder, manifest, place, copied)
            if not is_empty(target):
                raise AlreadyExists(f"Something else was put into {target} meanwhile. It was left as it is.")
            remove_leftovers(target, staging.name)
            for entry in sorted(place.iterdir()):
                moved.append(target / entry.name)
                entry.rename(moved[-1])
            moved.append(_write_signature(signature, target))
        except BaseException:
            for path in moved:
                remove_path(path)
            raise


def _write_signature(signature: bytes, target: Path) -> Path:
    """Write the signature beside the folder, or inside if nothing can be written there; its path."""
    beside = signature_path(target)
    try:
        write_file(beside, signature, mode=_READABLE, durable=False)
    except OSError as error:
        inside = signature_inside(target)
        if error.errno not in UNWRITABLE or inside.exists():
            raise
        write_file(inside, signature, mode=_READABLE, durable=False)
        warnings.warn(
            f"The signature is in {inside}: beside the folder it could not be written ({error.strerror}).",
            SignaturePlaceWarning,
            stacklevel=2,
        )
        return inside
    return beside


def remove_leftovers(target: Path, keep: str) -> None:
    """Remove what killed downloads left in a folder, but not the entry to `keep`.

    This comes before any of its own files, which may have such a name.
    """
    for left in target.glob(f"{STAGING}*"):
        if left.name != keep:
            remove_path(left)


def is_empty(folder: Path) -> bool:
    """True if nothing is in it but what a new disk has, or what a killed download left."""
    return all(
        path.name == LOST_AND_FOUND or (path.name.startswith(STAGING) and path.is_dir())
        for path in folder.iterdir()
    )


@contextlib.contextmanager
def translated_errors(target: Path) -> Iterator[None]:
    """Turn errors of the disk into InvalidState, naming the destination."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise InvalidState(f"{target} could not be written{where}: {error.strerror or error}.") from error
