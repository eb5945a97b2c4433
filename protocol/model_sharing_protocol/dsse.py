"""Signed envelopes (DSSE v1) and the keys that sign them: ECDSA on P-256 with SHA-256.

A key is identified by its fingerprint: `sha256:` and the SHA-256 of its public PEM, as `sha256sum key.pem`
prints it. The payload type of an envelope is signed, too.
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
    """Signature in an envelope; `keyid` is the hexadecimal part of the signing key's fingerprint."""

    sig: bytes
    keyid: str


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """Payload with its signatures. Bytes are base64 in JSON."""

    payload: bytes
    payload_type: str
    signatures: tuple[EnvelopeSignature, ...]

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the key that claims to have signed; empty unless there is exactly one."""
        return f"sha256:{self.signatures[0].keyid}" if len(self.signatures) == 1 else ""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Public key that verifies signatures. Create one with `parse`, which validates."""

    pem: str
    _key: ec.EllipticCurvePublicKey = field(repr=False, compare=False)

    @classmethod
    def parse(cls, pem: str) -> Self:
        """Parse a key in PEM format; UntrustedSignature if it is not a public key on P-256."""
        try:
            key = serialization.load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise UntrustedSignature("A public key cannot be read: it is not in PEM format.") from error
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise UntrustedSignature("A public key is not an ECDSA key on P-256.")
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
        """Payload, if it has this type and was signed by this key; UntrustedSignature if not."""
        if envelope.payload_type != payload_type:
            raise UntrustedSignature(
                f"Expected a signature on {payload_type!r}, but received one on {envelope.payload_type!r}."
            )
        if envelope.fingerprint != self.fingerprint:
            raise UntrustedSignature(
                f"Expected a signature by the key {self.fingerprint}, but received one that names "
                f"{envelope.fingerprint or 'no key'}."
            )
        message = _message(payload_type, envelope.payload)
        try:
            self._key.verify(envelope.signatures[0].sig, message, _ALGORITHM)
        except InvalidSignature as error:
            raise UntrustedSignature(
                f"Expected a signature by the key {self.fingerprint}, but received one that names that key "
                "and was not made by it, or was changed since."
            ) from error
        return envelope.payload


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Private key, never shown in a `repr`, with its public half."""

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
