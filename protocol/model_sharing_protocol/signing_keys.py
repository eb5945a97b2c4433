"""Signing keys of a provider, oldest first, each endorsed by the one before it.

A recipient that trusts one key trusts those that follow it, link by link, and no others.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from model_sharing_protocol.dsse import Envelope, PublicKey, SigningKey
from model_sharing_protocol.errors import UntrustedSignature
from model_sharing_protocol.field_types import EpochMs

_ENDORSEMENT_TYPE = "application/vnd.model-sharing.key+json"


class ListedKey(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Public key in the provider's list; `created_at` is in epoch milliseconds."""

    pem: str
    created_at: EpochMs
    endorsement: Envelope | None = None


class KeyList(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """EXTENSION: response of `GET /keys`; the last key is the current one.

    `file_origins` are the origins of files besides the endpoint, such as `https://s3.eu-west-1.amazonaws.com`.
    """

    keys: tuple[ListedKey, ...]
    file_origins: tuple[str, ...] = ()


class _Endorsement(msgspec.Struct, frozen=True):
    successor: str


def endorse(old: SigningKey, new: PublicKey) -> Envelope:
    """Endorse a new key: sign, with the old key, that both belong to the same provider."""
    return old.sign(_ENDORSEMENT_TYPE, msgspec.json.encode(_Endorsement(new.pem)))


def follow(pinned: str, listed: Sequence[ListedKey]) -> tuple[PublicKey, ...]:
    """Trusted keys, from the one with the fingerprint `pinned` to the current one.

    Raises UntrustedSignature if it is not listed, or if a later key was not endorsed by the one before it.
    """
    keys = [PublicKey.parse(key.pem) for key in listed]
    start = next((at for at, key in enumerate(keys) if key.fingerprint == pinned), None)
    if start is None:
        shown = keys[-1].fingerprint if keys else "none"
        raise UntrustedSignature(
            f"Expected the provider's key {pinned}, but it is not listed. The provider lists "
            f"{shown}, which that key does not endorse."
        )
    for at in range(start + 1, len(keys)):
        _check_endorsed(keys[at - 1], keys[at], listed[at].endorsement)
    return tuple(keys[start:])


def first_of(key: PublicKey, listed: Sequence[ListedKey]) -> PublicKey:
    """Oldest listed key that endorses this one, link by link: the same after a rotation."""
    keys = [PublicKey.parse(each.pem) for each in listed]
    if key not in keys:
        return key
    at = keys.index(key)
    while at > 0 and _is_endorsed(keys[at - 1], keys[at], listed[at].endorsement):
        at -= 1
    return keys[at]


def _check_endorsed(old: PublicKey, new: PublicKey, endorsement: Envelope | None) -> None:
    if not _is_endorsed(old, new, endorsement):
        raise UntrustedSignature(
            f"Expected the provider's key {old.fingerprint}, but the provider now uses {new.fingerprint}, "
            "which that key does not endorse."
        )


def _is_endorsed(old: PublicKey, new: PublicKey, endorsement: Envelope | None) -> bool:
    expected = msgspec.json.encode(_Endorsement(new.pem))
    try:
        return endorsement is not None and old.open(endorsement, _ENDORSEMENT_TYPE) == expected
    except UntrustedSignature:
        return False
