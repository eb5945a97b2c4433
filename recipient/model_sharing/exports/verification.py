"""Verification of a downloaded folder against its signature, without the provider."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from model_sharing.filesystem.local_files import local_path, model_path
from model_sharing_protocol.digests import hash_file
from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.errors import NotFound, UntrustedSignature
from model_sharing_protocol.signatures import Bundle, SignedName, check_files, signed_files

LOST_AND_FOUND = "lost+found"
"""What a new disk has in its root, which only the system administrator can read."""


def signature_path(folder: Path) -> Path:
    """Path of a downloaded folder's signature: beside it, since it is no part of the model."""
    return folder.with_name(f"{folder.name}.sig")


def signature_inside(folder: Path) -> Path:
    """Path of the signature if nothing can be written beside the folder: as other verifiers name it."""
    return folder / "model.sig"


def find_signature(folder: Path) -> Path:
    """Path at which a downloaded folder's signature is."""
    inside = signature_inside(folder)
    return inside if inside.exists() and not signature_path(folder).exists() else signature_path(folder)


def verify_folder(
    folder: Path,
    signature: Path,
    name: SignedName,
    keys: Sequence[PublicKey],
    *,
    wanted: Callable[[Sequence[str]], Sequence[str]] = lambda paths: paths,
) -> int:
    """Verify that `folder` holds exactly the files that one of `keys` signed as `name`; their number.

    `wanted` selects those of the signed paths that are to be there. Raises UntrustedSignature for any other
    file, NotFound if folder or signature is missing.
    """
    try:
        bundle = Bundle.from_json(signature.read_bytes())
    except OSError as error:
        raise NotFound(f"The signature {signature} cannot be read: {error.strerror}.") from error
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder.")
    all_signed = signed_files(bundle, name, keys)
    signed = {path: all_signed[path] for path in wanted(sorted(all_signed))}
    found = set(_walk(folder, "", name))
    if signature.absolute().parent == folder and signature.name not in signed:
        found.discard(signature.name)
    present = {path: hash_file(local_path(folder, path))[1] for path in found & signed.keys()}
    check_files(signed, present | dict.fromkeys(found - signed.keys(), "a file"), name)
    return len(present)


def _walk(folder: Path, prefix: str, name: SignedName) -> Iterator[str]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = prefix + model_path(entry.name)
        if path == LOST_AND_FOUND and not os.access(entry.path, os.R_OK):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(folder / entry.name, f"{path}/", name)
        elif entry.is_file(follow_symlinks=False):
            yield path
        else:
            raise UntrustedSignature(
                f"Expected {path!r} of {name} to be a regular file or missing, but found a link "
                "or something else that can change."
            )
