"""The keys that this provider signs models with, in one file that only its owner can read.

The private key is the newest one's alone: of the others the public half stays listed, each with its word for
the next, so that recipients who trust an older one can follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from filelock import FileLock

from model_sharing_protocol.dsse import PublicKey, SigningKey
from model_sharing_protocol.errors import InvalidParameter, InvalidState, NotFound, UntrustedSignature
from model_sharing_protocol.signing_keys import ListedKey, endorse
from model_sharing_protocol.times import now_ms
from model_sharing_provider.server_secrets import write_private


class _KeysFile(msgspec.Struct, frozen=True):
    private_key: str
    keys: tuple[ListedKey, ...]


class SigningKeys:
    """The keys in one file, created once however many processes start together.

    A rotation by another process is seen at the next use. Raises InvalidState for a file that is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = (0, 0)
        with self._locked():
            if not path.exists():
                self._write(SigningKey.generate(), ())
        self._refresh()

    @property
    def current(self) -> SigningKey:
        """The key that signs now."""
        self._refresh()
        return self._current

    @property
    def listed(self) -> tuple[ListedKey, ...]:
        """The public keys, oldest first; the last one is that of `current`."""
        self._refresh()
        return self._listed

    def rotate(self) -> ListedKey:
        """Sign with a new key from now on, endorsed by the present one, whose private half is forgotten."""
        with self._locked():
            self._refresh()
            self._write(SigningKey.generate(), self._listed, endorsed_by=self._current)
        return self.listed[-1]

    def retire(self, fingerprint: str) -> Sequence[ListedKey]:
        """List this key and older ones no more, and return them. Raises NotFound, or InvalidParameter."""
        with self._locked():
            self._refresh()
            known = [PublicKey.parse(key.pem).fingerprint for key in self._listed]
            if fingerprint not in known:
                raise NotFound(f"There is no key {fingerprint}; 'key list' shows those that there are.")
            count = known.index(fingerprint) + 1
            if count == len(known):
                raise InvalidParameter(f"{fingerprint} is the key that signs now; rotate first.")
            retired = self._listed[:count]
            self._save(_KeysFile(self._current.to_pem(), self._listed[count:]))
        return retired

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

    def _refresh(self) -> None:
        """Read the file if it is another than the one that was read last."""
        try:
            status = self._path.stat()
            stamp = status.st_mtime_ns, status.st_ino
            if stamp == self._stamp:
                return
            stored = msgspec.json.decode(self._path.read_bytes(), type=_KeysFile)
            current = SigningKey.from_pem(stored.private_key)
            if not stored.keys or PublicKey.parse(stored.keys[-1].pem) != current.public:
                raise ValueError("its last key is not that of its private key")
        except (OSError, msgspec.MsgspecError, ValueError, UntrustedSignature) as error:
            raise InvalidState(
                f"The file of signing keys {self._path} cannot be used: {error}. Restore it from a backup: "
                "recipients trust no other key."
            ) from error
        self._current, self._listed, self._stamp = current, stored.keys, stamp
