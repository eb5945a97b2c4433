"""The server's own secrets: the pepper that tokens are hashed under, and the keys that URLs are signed with.

They live in one file that only its owner can read, apart from the database: a stolen database opens nothing.
"""

from __future__ import annotations

import base64
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from filelock import FileLock

from model_sharing_protocol.errors import InvalidState

_KEY_BYTES = 32


class _SecretsFile(msgspec.Struct):
    token_pepper: str
    url_signing_keys: dict[str, str]


@dataclass(frozen=True, slots=True)
class ServerSecrets:
    """`url_signing_keys` by id, oldest first."""

    token_pepper: bytes = field(repr=False)
    url_signing_keys: dict[str, bytes] = field(repr=False)

    @property
    def sealing_key(self) -> bytes:
        """The key (of Fernet's form) under which other providers' tokens are kept in the database."""
        derive = HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=b"model-sharing provider profiles")
        return base64.urlsafe_b64encode(derive.derive(self.token_pepper))


def load_or_create(path: Path) -> ServerSecrets:
    """The secrets in `path`, created once however many processes start together. Raises InvalidState."""
    with FileLock(f"{path}.lock"):
        if not path.exists():
            fresh = _SecretsFile(secrets.token_hex(_KEY_BYTES), {"1": secrets.token_hex(_KEY_BYTES)})
            write_private(path, msgspec.json.encode(fresh))
        try:
            stored = msgspec.json.decode(path.read_bytes(), type=_SecretsFile)
            keys = {key_id: bytes.fromhex(key) for key_id, key in stored.url_signing_keys.items()}
            return ServerSecrets(bytes.fromhex(stored.token_pepper), keys)
        except (msgspec.MsgspecError, ValueError) as error:
            raise InvalidState(
                f"The secrets file {path} cannot be read. Restore it from a backup: "
                "without it no token that was given out can be recognised."
            ) from error


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
