"""Server secrets: peppers for the hashes of tokens, and keys for signing URLs.

They are in one private file, separate from the database: a stolen database alone gives no access. Both can be
rotated. A new secret is added some time before its first use, so that every server has read it by then. Old
ones are still accepted: peppers while they are in the file, keys until all their URLs have expired.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from filelock import FileLock

from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.secrets import keyed_hash
from model_sharing_provider.domain.signed_urls import LONGEST_URL_LIFETIME_SECONDS
from model_sharing_provider.keys.private_files import write_private
from model_sharing_provider.keys.watched_files import WatchedFile

_KEY_BYTES = 32
_REMEDY = "Restore it from a backup: without it no token that was given out can be recognized."


class _Entry(msgspec.Struct, frozen=True):
    """Secret in hexadecimal digits, with the time of its first use in epoch ms."""

    id: str
    secret: str
    used_from: int


class _SecretsFile(msgspec.Struct, frozen=True):
    """Content of the file; both lists are oldest first."""

    token_peppers: tuple[_Entry, ...]
    url_signing_keys: tuple[_Entry, ...]


@dataclass(frozen=True, slots=True)
class Secret:
    """Secret that becomes the current one at `used_from` (epoch ms)."""

    id: str
    value: bytes = field(repr=False)
    used_from: int


@dataclass(frozen=True, slots=True)
class SecretsContent:
    """Parsed content of the file, oldest first."""

    peppers: tuple[Secret, ...]
    url_keys: tuple[Secret, ...]


class ServerSecrets:
    """Secrets as currently in the file. Raises InvalidState for an invalid file."""

    def __init__(self, path: Path) -> None:
        self._file = WatchedFile(path, _parse, _REMEDY)

    @property
    def content(self) -> SecretsContent:
        return self._file.value

    def hash(self, secret: str) -> str:
        """Hash of a token or code, as stored."""
        return keyed_hash(_current(self.content.peppers).value, secret)

    def hashes(self, secret: str) -> list[str]:
        """Hashes under which a token or code may be stored, one per pepper; most likely ones first."""
        return [keyed_hash(pepper.value, secret) for pepper in reversed(self.content.peppers)]

    def seal(self, text: str) -> str:
        """Encrypt a text that has to be read again, such as another provider's token."""
        return self._fernet().encrypt(text.encode()).decode()

    def unseal(self, sealed: str) -> str:
        return self._fernet().decrypt(sealed.encode()).decode()

    def signing_url_key(self) -> tuple[str, bytes]:
        """Id and value of the current URL key."""
        key = _current(self.content.url_keys)
        return key.id, key.value

    def find_url_key(self, key_id: str) -> bytes | None:
        """Find the key of a URL; None for an unknown or no longer accepted one."""
        return next((key.value for key in _accepted(self.content.url_keys) if key.id == key_id), None)

    def add(self, *, pepper: bool, url_key: bool, used_from: int, forget: bool = False) -> SecretsContent:
        """Add new secrets to the file. With `forget`, earlier keys are no longer accepted.

        Raises InvalidState for a file that cannot be written.
        """
        with FileLock(f"{self._file.path}.lock"):
            kept = self.content
            peppers, keys = kept.peppers, _accepted(kept.url_keys)
            if pepper:
                peppers = (*peppers, _fresh(used_from))
            if url_key:
                keys = (*(() if forget else keys), _fresh(used_from))
            write_private(self._file.path, _encoded(SecretsContent(peppers, keys)))
        return self.content

    def _fernet(self) -> MultiFernet:
        """Cipher that encrypts with the current pepper and decrypts with any."""
        current = _current(self.content.peppers)
        others = [pepper for pepper in self.content.peppers if pepper is not current]
        return MultiFernet([Fernet(_sealing_key(pepper.value)) for pepper in (current, *others)])


def create(path: Path) -> None:
    """Write a file of new secrets. Raises InvalidState if it cannot be written."""
    write_private(path, _encoded(SecretsContent((_fresh(0),), (_fresh(0),))))


def _parse(content: bytes) -> SecretsContent:
    """Parse the file. Raises ValueError, which includes msgspec's errors."""
    stored = msgspec.json.decode(content, type=_SecretsFile)
    kept = SecretsContent(_decoded(stored.token_peppers), _decoded(stored.url_signing_keys))
    if not kept.peppers or not kept.url_keys:
        raise ValueError("it has no pepper, or no key")
    return kept


def _decoded(entries: Sequence[_Entry]) -> tuple[Secret, ...]:
    return tuple(Secret(each.id, bytes.fromhex(each.secret), each.used_from) for each in entries)


def _sealing_key(pepper: bytes) -> bytes:
    derive = HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=b"model-sharing provider profiles")
    return base64.urlsafe_b64encode(derive.derive(pepper))


def _current(kept: Sequence[Secret]) -> Secret:
    now = now_ms()
    return next((each for each in reversed(kept) if each.used_from <= now), kept[0])


def _accepted(keys: Sequence[Secret]) -> tuple[Secret, ...]:
    """Keys that are still accepted: without those whose last URLs have expired."""
    horizon = now_ms() - LONGEST_URL_LIFETIME_SECONDS * 1000
    outlived = sum(successor.used_from <= horizon for successor in keys[1:])
    return tuple(keys[outlived:])


def _fresh(used_from: int) -> Secret:
    return Secret(secrets.token_hex(4), secrets.token_bytes(_KEY_BYTES), used_from)


def _encoded(kept: SecretsContent) -> bytes:
    return msgspec.json.encode(
        _SecretsFile(
            tuple(_Entry(each.id, each.value.hex(), each.used_from) for each in kept.peppers),
            tuple(_Entry(each.id, each.value.hex(), each.used_from) for each in kept.url_keys),
        )
    )
