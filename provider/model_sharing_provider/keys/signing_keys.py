"""The keys that this provider signs models with, in one file that only its owner can read.

The private key is the newest one's alone: of the others the public half stays listed, each with its word for
the next, so that recipients who trust an older one can follow.
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
    """The keys in one file, created once however many processes start together.

    A rotation by another process is seen at the next use. Raises InvalidState for a file that is none.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self._path = path
        self.created = False
        """Whether this process made the file just now."""
        if create and not path.exists():
            with self._locked():
                if not path.exists():
                    self._write(SigningKey.generate(), ())
                    self.created = True
        self._trusted: set[str] = set()
        self._file = WatchedFile(path, self._parse_next, _REMEDY)

    @property
    def current(self) -> SigningKey:
        """The key that signs now."""
        return self._file.value.current

    @property
    def listed(self) -> tuple[ListedKey, ...]:
        """The public keys, oldest first; the last one is that of `current`."""
        return self._file.value.listed

    @property
    def fingerprints(self) -> list[str]:
        """Those of `listed`."""
        return [PublicKey.parse(key.pem).fingerprint for key in self.listed]

    def vouched_for_by(self, known: set[str]) -> bool:
        """True if one of these fingerprints is of a key that leads to the one that signs now."""
        for fingerprint in known.intersection(self.fingerprints):
            with contextlib.suppress(UntrustedSignature):
                follow(fingerprint, self.listed)
                return True
        return False

    def rotate(self) -> ListedKey:
        """Sign with a new key from now on, endorsed by the present one, whose private half is forgotten."""
        with self._locked():
            self._write(SigningKey.generate(), self.listed, endorsed_by=self.current)
        return self.listed[-1]

    def retire(self, fingerprint: str) -> Sequence[ListedKey]:
        """List this key and older ones no more, and return them. Raises NotFound, or InvalidParameter."""
        with self._locked():
            listed = self.listed
            known = self.fingerprints
            if fingerprint not in known:
                raise NotFound(f"There is no key {fingerprint}; 'key list' shows those that there are.")
            count = known.index(fingerprint) + 1
            if count == len(known):
                raise InvalidParameter(f"{fingerprint} is the key that signs now; rotate first.")
            self._save(_KeysFile(self.current.to_pem(), listed[count:]))
        return listed[:count]

    def _parse_next(self, content: bytes) -> _Keys:
        """Keys that nobody can follow to are not taken in place of those that were read before."""
        keys = _parse(content)
        listed = {PublicKey.parse(key.pem).fingerprint for key in keys.listed}
        if self._trusted and self._trusted.isdisjoint(listed):
            raise ValueError("its keys are not those that were in use")
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
    """Raises ValueError, which msgspec's errors are too."""
    stored = msgspec.json.decode(content, type=_KeysFile)
    try:
        current = SigningKey.from_pem(stored.private_key)
        agrees = bool(stored.keys) and PublicKey.parse(stored.keys[-1].pem) == current.public
    except UntrustedSignature as error:
        raise ValueError(error.message) from error
    if not agrees:
        raise ValueError("its last key is not that of its private key")
    return _Keys(current, stored.keys)
