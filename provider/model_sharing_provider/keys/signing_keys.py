"""Signing keys of this provider, in one private file.

Only the newest key has its private half. The public halves of older keys stay listed, each with its
endorsement of the next, so that recipients that trust an older key can follow.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from filelock import FileLock

from model_sharing_protocol.dsse import PublicKey, SigningKey
from model_sharing_protocol.errors import InvalidParameter, NotFound, UntrustedSignature
from model_sharing_protocol.signing_keys import ListedKey, endorse, follow
from model_sharing_protocol.times import now_ms
from model_sharing_provider.keys.private_files import write_private
from model_sharing_provider.keys.watched_files import WatchedFile

_REMEDY = "Restore it from a backup: recipients trust no other key."


class _KeysFile(msgspec.Struct, frozen=True):
    private_key: str
    keys: tuple[ListedKey, ...]


@dataclass(frozen=True, slots=True)
class _Keys:
    current: SigningKey
    listed: tuple[ListedKey, ...]


class SigningKeys:
    """Signing keys in one file, created once even if many processes start together.

    A rotation by another process is seen at the next use. Raises InvalidState for an invalid file.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self._path = path
        self.created = False
        """True if this process has just created the file."""
        if create and not path.exists():
            with self._locked():
                if not path.exists():
                    self._write(SigningKey.generate(), ())
                    self.created = True
        self._trusted: set[str] = set()
        self._file = WatchedFile(path, self._parse_next, _REMEDY)

    @property
    def current(self) -> SigningKey:
        """Current signing key."""
        return self._file.value.current

    @property
    def listed(self) -> tuple[ListedKey, ...]:
        """Listed public keys, oldest first; the last one is that of `current`."""
        return self._file.value.listed

    @property
    def fingerprints(self) -> list[str]:
        """Fingerprints of the listed keys."""
        return [PublicKey.parse(key.pem).fingerprint for key in self.listed]

    def endorsed_by(self, known: set[str]) -> bool:
        """True if one of these fingerprints is of a key that leads to the current one."""
        for fingerprint in known.intersection(self.fingerprints):
            with contextlib.suppress(UntrustedSignature):
                follow(fingerprint, self.listed)
                return True
        return False

    def rotate(self) -> ListedKey:
        """Replace the current key by a new one that it endorses; its private half is deleted."""
        with self._locked():
            self._write(SigningKey.generate(), self.listed, endorsed_by=self.current)
        return self.listed[-1]

    def retire(self, fingerprint: str) -> Sequence[ListedKey]:
        """Remove this key and older ones from the list; return them. Raises NotFound, InvalidParameter."""
        with self._locked():
            listed = self.listed
            known = self.fingerprints
            if fingerprint not in known:
                raise NotFound(f"The key {fingerprint} does not exist; 'key list' shows the listed keys.")
            count = known.index(fingerprint) + 1
            if count == len(known):
                raise InvalidParameter(f"{fingerprint} is the current signing key; rotate first.")
            self._save(_KeysFile(self.current.to_pem(), listed[count:]))
        return listed[:count]

    def _parse_next(self, content: bytes) -> _Keys:
        """Parse a replaced file; keys that do not follow from the previous ones are refused."""
        keys = _parse(content)
        listed = {PublicKey.parse(key.pem).fingerprint for key in keys.listed}
        if self._trusted and self._trusted.isdisjoint(listed):
            raise ValueError("its keys do not follow from those in use")
        self._trusted = listed
        return keys

    def _locked(self) -> FileLock:
        return FileLock(f"{self._path}.lock")

    def _write(
        self, key: SigningKey, before: tuple[ListedKey, ...], endorsed_by: SigningKey | None = None
    ) -> None:
        endorsement = endorse(endorsed_by, key.public) if endorsed_by else None
        listed = ListedKey(key.public.pem, now_ms(), endorsement)
        self._save(_KeysFile(key.to_pem(), (*before, listed)))

    def _save(self, content: _KeysFile) -> None:
        write_private(self._path, msgspec.json.encode(content))


def _parse(content: bytes) -> _Keys:
    """Parse the file. Raises ValueError, which includes msgspec's errors."""
    stored = msgspec.json.decode(content, type=_KeysFile)
    try:
        current = SigningKey.from_pem(stored.private_key)
        agrees = bool(stored.keys) and PublicKey.parse(stored.keys[-1].pem) == current.public
    except UntrustedSignature as error:
        raise ValueError(error.message) from error
    if not agrees:
        raise ValueError("its last key does not match its private key")
    return _Keys(current, stored.keys)
