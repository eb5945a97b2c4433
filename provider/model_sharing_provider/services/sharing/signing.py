"""Signing of answers to recipients, and administration of the signing keys."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from cachetools import LRUCache

from model_sharing_protocol.dsse import Envelope, SigningKey
from model_sharing_protocol.manifest import Manifest
from model_sharing_protocol.signatures import (
    Bundle,
    SignedChanges,
    SignedName,
    State,
    sign_changes,
    sign_manifest,
    sign_state,
)
from model_sharing_protocol.signing_keys import ListedKey
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import SharedVersion
from model_sharing_provider.governance import rules
from model_sharing_provider.keys.signing_keys import SigningKeys
from model_sharing_provider.services.context import Context

_ANSWERS_KEPT = 10_000
_ISSUED_EVERY_MS = 30_000
_METASTORE = Target(SecurableType.METASTORE)

_SaidT = TypeVar("_SaidT", State, SignedChanges)


class Signing:
    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys
        self._signed: LRUCache[tuple[str, State | SignedChanges], Envelope] = LRUCache(_ANSWERS_KEPT)

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the key that signs now, to be compared by whoever mounts a share; it is public."""
        return self._keys.current.public.fingerprint

    def bundle(self, shared: SharedVersion, manifest: Manifest) -> Bundle:
        """Sign a version's files, under the shared name of the model.

        Its chunk maps are signed as the metastore has them, not the artifact store: whoever can write there
        could change a file with its blocks.
        """
        name = SignedName(shared.share.name, str(shared.shared_name), shared.version.version)
        maps = shared.version.chunk_maps or None
        return sign_manifest(self._keys.current, name, manifest, now_ms(), maps)

    def state(self, shared: SharedVersion, alias: str | None = None) -> Envelope:
        """Sign the version that `alias`, or else the version's number, refers to now.

        The time in it is rounded to half a minute, so that an answer is signed once in that time.
        """
        state = State(
            share=shared.share.name,
            model=str(shared.shared_name),
            alias=alias.lower() if alias is not None else None,
            version=shared.version.version,
            digest=shared.version.digest,
            sequence=shared.sequence,
            issued_at=issued_during().start,
            recalled=shared.version.recall,
        )
        return self._once(state, sign_state)

    def changes(self, share: str, since: str, body: bytes) -> Envelope:
        """Sign a page of changes, the same one once in half a minute."""
        said = SignedChanges(
            share=share, since=since, sha256=hashlib.sha256(body).hexdigest(), issued_at=issued_during().start
        )
        return self._once(said, sign_changes)

    def _once(self, said: _SaidT, sign: Callable[[SigningKey, _SaidT], Envelope]) -> Envelope:
        key = self._keys.current
        signed = self._signed.get((key.public.pem, said))
        if signed is None:
            signed = self._signed[key.public.pem, said] = sign(key, said)
        return signed

    def tag(self, shared: SharedVersion, described: bytes) -> str:
        """Entity tag of a signed answer, which changes with its content, its order, and the signing key."""
        said = hashlib.sha256(described)
        said.update(f"{shared.sequence} {self._keys.current.public.pem}".encode())
        return said.hexdigest()[:32]

    async def list_keys(self, context: Context) -> tuple[ListedKey, ...]:
        """Public keys, oldest first, for every holder of a token of this provider."""
        async with context.view(AuditAction.LIST_SIGNING_KEYS, _METASTORE) as operation:
            operation.authorized_by_credential()
            return self._keys.listed

    async def rotate(self, context: Context) -> ListedKey:
        """Rotate the signing key; recipients trust the new one by the old one's endorsement."""
        async with context.change(AuditAction.ROTATE_SIGNING_KEY, _METASTORE) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
            key = self._keys.rotate()
            await operation.rows.signing_keys.remember(self._keys.fingerprints)
            return key

    async def start_over(self, context: Context) -> ListedKey:
        """Accept the present keys for this database, after the earlier ones were lost.

        Recipients trust only the earlier ones, and have to mount again.
        """
        async with context.change(AuditAction.REPLACE_SIGNING_KEY, _METASTORE) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
            await operation.rows.signing_keys.forget()
            await operation.rows.signing_keys.remember(self._keys.fingerprints)
            return self._keys.listed[-1]

    async def retire(self, context: Context, fingerprint: str) -> Sequence[ListedKey]:
        """Retire a key and all older ones; recipients that know no newer one have to mount again.

        Raises NotFound, or InvalidParameter for the current key.
        """
        async with context.change(AuditAction.RETIRE_SIGNING_KEY, _METASTORE) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
            return self._keys.retire(fingerprint)


def issued_during() -> range:
    """Half a minute (epoch ms) of which the beginning is in all that is signed now.

    So the same answer is signed once in that time.
    """
    start = now_ms() // _ISSUED_EVERY_MS * _ISSUED_EVERY_MS
    return range(start, start + _ISSUED_EVERY_MS)
