"""Signed envelopes (DSSE v1) and the keys that sign them: ECDSA on P-256 with SHA-256.

A key is known by its fingerprint: `sha256:` and the SHA-256 of its public PEM, so that `sha256sum key.pem`
tells it. What an envelope holds is said by its payload type, which is signed too.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Self

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from model_sharing_protocol.errors import UntrustedSignature

_ALGORITHM = ec.ECDSA(hashes.SHA256())


class EnvelopeSignature(msgspec.Struct, frozen=True):
    """`keyid` is the hexadecimal part of the fingerprint of the key that signed."""

    sig: bytes
    keyid: str


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """A payload and who signed it. Bytes are base64 in JSON."""

    payload: bytes
    payload_type: str
    signatures: tuple[EnvelopeSignature, ...]

    @property
    def fingerprint(self) -> str:
        """The key that claims to have signed; empty unless there is exactly one."""
        return f"sha256:{self.signatures[0].keyid}" if len(self.signatures) == 1 else ""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key to check signatures with. Make one with `parse`, which validates."""

    pem: str
    _key: ec.EllipticCurvePublicKey = field(repr=False, compare=False)

    @classmethod
    def parse(cls, pem: str) -> Self:
        """Parse a key in PEM; UntrustedSignature if that is not a public key on P-256."""
        try:
            key = serialization.load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise UntrustedSignature("What should be a public key is none.") from error
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise UntrustedSignature("A public key is of another kind than ECDSA on P-256.")
        return cls.of(key)

    @classmethod
    def of(cls, key: ec.EllipticCurvePublicKey) -> Self:
        pem = key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()
        return cls(pem, key)

    @property
    def fingerprint(self) -> str:
        return "sha256:" + hashlib.sha256(self.pem.encode()).hexdigest()

    def open(self, envelope: Envelope, payload_type: str) -> bytes:
        """The payload, if it is of this type and this key signed it; UntrustedSignature if not."""
        if envelope.payload_type != payload_type:
            raise UntrustedSignature(
                f"A signature on {payload_type!r} was expected; what came is signed as "
                f"{envelope.payload_type!r}."
            )
        if envelope.fingerprint != self.fingerprint:
            raise UntrustedSignature(
                f"A signature by the key {self.fingerprint} was expected; what came names "
                f"{envelope.fingerprint or 'no key'}."
            )
        message = _message(payload_type, envelope.payload)
        try:
            self._key.verify(envelope.signatures[0].sig, message, _ALGORITHM)
        except InvalidSignature as error:
            raise UntrustedSignature(
                f"A signature by the key {self.fingerprint} was expected; what came names that key and was "
                "not made by it, or was changed since."
            ) from error
        return envelope.payload


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, which never shows in a `repr`, and its public half."""

    public: PublicKey
    _key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        return cls._of(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: str) -> Self:
        """Read `to_pem` back; ValueError if it is not a private key on P-256."""
        key = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("not a private key on P-256")
        return cls._of(key)

    @classmethod
    def _of(cls, key: ec.EllipticCurvePrivateKey) -> Self:
        return cls(PublicKey.of(key.public_key()), key)

    def to_pem(self) -> str:
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def sign(self, payload_type: str, payload: bytes) -> Envelope:
        signature = self._key.sign(_message(payload_type, payload), _ALGORITHM)
        key_id = self.public.fingerprint.removeprefix("sha256:")
        return Envelope(payload, payload_type, (EnvelopeSignature(signature, key_id),))


def _message(payload_type: str, payload: bytes) -> bytes:
    """Bytes that are signed: DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
