"""Pinned signing keys of a mount's provider, kept in the mount's file, and what they signed.

The first key is pinned when the share is mounted. From then on answers must be signed with it, or with one
that it vouches for, directly or through others between; what was signed before stays good.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence

from model_sharing.client.sharing_client import ChangesAnswer, SharingClient
from model_sharing.mount_table import Mount, MountTable
from model_sharing.resolution.freshness import check_recent
from model_sharing_protocol.dsse import Envelope, PublicKey
from model_sharing_protocol.errors import InvalidState, NotFound, SharingWarning, UntrustedSignature
from model_sharing_protocol.manifest import Manifest
from model_sharing_protocol.names import SharedName
from model_sharing_protocol.open_sharing import ModelVersion
from model_sharing_protocol.recalls import Recall
from model_sharing_protocol.signatures import (
    Bundle,
    SignedName,
    State,
    signed_chunk_maps,
    verify_changes,
    verify_manifest,
    verify_state,
)
from model_sharing_protocol.signing_keys import follow
from model_sharing_protocol.times import now_ms


class KeyRotationWarning(SharingWarning):
    """Rotation of a provider's signing key: a new one is trusted, since the key before vouches for it."""


class PinnedKeys:
    """Pinned signing keys of one mount. Its methods raise UntrustedSignature, naming what was expected."""

    def __init__(self, mount: Mount, table: MountTable, client: SharingClient) -> None:
        self._mount = mount
        self._table = table
        self._client = client
        self._keys = tuple(PublicKey.parse(pem) for pem in mount.keys)

    async def check_state(self, answer: ModelVersion, name: SharedName, asked: int | str) -> State:
        """Check the signed state of an answer about the version number or alias that was asked for."""
        return self._state(answer, name, asked, await self._current(answer.state))

    def check_stored_state(self, answer: ModelVersion, name: SharedName, asked: int | str) -> State | None:
        """Check that of a stored answer; None unless the key that signs now signed it."""
        try:
            return self._state(answer, name, asked, self.all()[-1])
        except UntrustedSignature:
            return None

    def _state(self, answer: ModelVersion, name: SharedName, asked: int | str, key: PublicKey) -> State:
        state = verify_state(answer.state, key, self._mount.share, str(name), asked)
        if (answer.version, answer.digest) != (state.version, state.digest):
            raise UntrustedSignature(
                f"{name} was answered as version {answer.version} with the content {answer.digest}; what was "
                f"signed is version {state.version} with the content {state.digest}."
            )
        if answer.recalled != state.recalled:
            raise UntrustedSignature(
                f"{name} version {state.version} was answered as {_recalled_or_not(answer.recalled)}; what "
                f"was signed is that it is {_recalled_or_not(state.recalled)}."
            )
        return state

    async def check_changes(self, answer: ChangesAnswer, since: str) -> None:
        """Check that changes since a token were signed lately. Raises StaleAnswer for an old signature."""
        key = await self._current(answer.envelope)
        signed = verify_changes(answer.envelope, key, self._mount.share, since, answer.sha256)
        check_recent(f"the changes of the share {self._mount.share}", signed.issued_at, now_ms())

    async def check_new_bundle(
        self, bundle: Bundle | None, name: SharedName, version: int, manifest: Manifest
    ) -> Bundle:
        """Check that a bundle that just came from the provider signs these files as this version."""
        key = await self._current(bundle.dsse_envelope if bundle else None)
        return verify_manifest(bundle, self.signed_name(name, version), manifest, [key])

    def signs_chunk_maps(self, bundle: Bundle, name: SharedName, version: int, manifest: Manifest) -> bool:
        """True if a bundle that was checked signs the chunk maps that the manifest names."""
        if manifest.chunk_maps is None:
            return False
        signed = signed_chunk_maps(bundle, self.signed_name(name, version), self.all())
        return signed == manifest.chunk_maps.sha256

    def check_stored_bundle(
        self, bundle: Bundle | None, name: SharedName, version: int, manifest: Manifest
    ) -> Bundle:
        """Check a stored bundle: any key will do that was trusted when it came."""
        return verify_manifest(bundle, self.signed_name(name, version), manifest, self.all())

    def all(self) -> Sequence[PublicKey]:
        """All keys that are trusted, oldest first."""
        return self._keys

    def signed_name(self, name: SharedName, version: int) -> SignedName:
        """Name that a version's signature is for."""
        return SignedName(self._mount.share, str(name), version)

    async def _current(self, envelope: Envelope | None) -> PublicKey:
        """Key that must sign now; the provider is asked for newer ones if an envelope names another."""
        if envelope and envelope.fingerprint not in [key.fingerprint for key in self._keys]:
            await self._follow()
        return self._keys[-1]

    async def _follow(self) -> None:
        keys = await fetch_keys(self._client, self._mount.endpoint, self._keys)
        if keys != self._keys:
            self._keys = keys
            with contextlib.suppress(InvalidState):  # where mounts cannot be written, each process follows
                self._table.pin(self._mount, [key.pem for key in keys])
            warnings.warn(
                f"{self._mount.name!r} now trusts the key {keys[-1].fingerprint}, which the previous key "
                "endorses.",
                KeyRotationWarning,
                stacklevel=2,
            )


def _recalled_or_not(recall: Recall | None) -> str:
    return "not recalled" if recall is None else f"recalled ({recall.reason})"


async def fetch_keys(
    client: SharingClient, endpoint: str, pinned: Sequence[PublicKey], expected: str | None = None
) -> tuple[PublicKey, ...]:
    """Fetch the keys that follow the pinned ones; without any, the `expected` one, or else what is there.

    Raises UntrustedSignature for a key that no earlier one vouches for, or if `expected`, a fingerprint that
    was learned by another way, is not among them.
    """
    try:
        listed = (await client.list_keys()).keys
    except NotFound:
        listed = ()
    if not listed:
        raise UntrustedSignature(
            f"Expected a signing key of {endpoint}, but it lists none. Only signed models can be used: tell "
            "the provider."
        )
    start = pinned[-1].fingerprint if pinned else expected or PublicKey.parse(listed[-1].pem).fingerprint
    keys = (*pinned[:-1], *follow(start, listed))
    if expected and expected not in [key.fingerprint for key in keys]:
        raise UntrustedSignature(
            f"Expected the key {expected}, but {endpoint} signs with {keys[-1].fingerprint}."
        )
    return keys
