"""Delivery records: which provider sent which contents, so that none profits from another's.

Else a provider that names the digest of another's file could tell from what is fetched whether that file is
here, and its version would load with bytes that it never had. The records are empty files,
`delivered/<provider>/<sha256>` for contents and `delivered/<provider>/<digest>.version` for whole versions.
That of a content which only the provider's own block digests proved holds the moment of its seal (`sealing`):
it stands for the file with this seal, and for no other.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from model_sharing.filesystem.local_files import make_folder, replace_file, system_path

_VERSION = ".version"
_NEW_RECORD = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class Deliveries:
    """Delivery records of one provider, which goes by what stands for it (`Mount.provider_fingerprint`)."""

    def __init__(self, cache_root: Path, provider: str) -> None:
        self.key = hashlib.sha256(provider.encode()).hexdigest()[:32]
        self._folder = all_deliveries(cache_root) / self.key

    def has_content(self, sha256: str) -> bool:
        """True if the provider delivered this content, by its sha256."""
        return self._record_size(sha256) == 0

    def sealed_at(self, sha256: str) -> int | None:
        """Moment of the provider's own seal of this content; None if it delivered none, or by its sha256."""
        if not self._record_size(sha256):
            return None
        try:
            return int((self._folder / sha256).read_bytes())
        except (OSError, ValueError):
            return None

    def _record_size(self, sha256: str) -> int | None:
        """Size of the record of a content; None if there is none."""
        try:
            return os.stat(system_path(self._folder, sha256)).st_size
        except OSError:
            return None

    def has_version(self, key: str) -> bool:
        """True if it delivered all files of the version whose digest is `sha256:<key>`."""
        return (self._folder / (key + _VERSION)).exists()

    def record_content(self, sha256: str) -> None:
        """Record that the provider delivered this content, by its sha256."""
        if not self._note(sha256) and self.sealed_at(sha256) is not None:
            replace_file(self._folder / sha256, b"")

    def record_sealed(self, sha256: str, moment: int) -> None:
        """Record that it delivered this content by its block digests, sealed at this moment."""
        make_folder(self._folder)
        replace_file(self._folder / sha256, str(moment).encode())

    def record_right(self, sha256: str, moment: int) -> None:
        """Record that the content with this seal has its sha256, for the provider that delivered it so."""
        for record in all_deliveries(self._folder.parent.parent).glob(f"*/{sha256}"):
            with contextlib.suppress(OSError):  # somebody prunes
                if record.read_bytes() == str(moment).encode():
                    replace_file(record, b"")

    def record_version(self, key: str) -> None:
        """Record that it delivered all files of the version whose digest is `sha256:<key>`."""
        self._note(key + _VERSION)

    def _note(self, name: str) -> bool:
        """Make an empty record; False if there is one already."""
        try:
            os.close(os.open(system_path(self._folder, name), _NEW_RECORD, 0o666))
        except FileExistsError:
            return False
        except FileNotFoundError:
            make_folder(self._folder)
            (self._folder / name).touch()
        return True


def stale_records(cache_root: Path, contents: set[str], versions: set[str]) -> Iterator[Path]:
    """Delivery records of all providers about nothing that is in these sets."""
    needed = contents | {key + _VERSION for key in versions}
    yield from (path for path in list(all_deliveries(cache_root).glob("*/*")) if path.name not in needed)


def all_deliveries(cache_root: Path) -> Path:
    """Folder of the delivery records of all providers."""
    return cache_root / "delivered"
