"""States of mirrors, from what went wrong: each with what to do."""

from __future__ import annotations

import re

from model_sharing_protocol.errors import (
    ArtifactStoreUnavailable,
    DiskFull,
    MetastoreUnavailable,
    NotFound,
    PermissionDenied,
    ServerUnreachable,
    SharingError,
    StaleAnswer,
    TokenExpired,
    TooManyRequests,
    Unauthenticated,
    UntrustedSignature,
)
from model_sharing_provider.domain.mirrors import MirrorState

_STATES: tuple[tuple[tuple[type[Exception], ...], MirrorState], ...] = (
    ((TokenExpired,), MirrorState.TOKEN_EXPIRED),
    ((Unauthenticated,), MirrorState.TOKEN_REFUSED),
    ((NotFound, PermissionDenied), MirrorState.REVOKED),
    ((UntrustedSignature,), MirrorState.KEY_CHANGED),
    ((StaleAnswer,), MirrorState.STALE_ANSWERS),
    ((DiskFull, ArtifactStoreUnavailable, MetastoreUnavailable), MirrorState.FAILED_HERE),
    ((ServerUnreachable, TooManyRequests, TimeoutError), MirrorState.UNREACHABLE),
)

_REQUEST_ID = re.compile(r"(\.)? \(request [A-Za-z0-9._-]{1,64}\)(?(1)\.?)", re.ASCII)
"""Part of a message by which the provider's operator finds the request; another one at each attempt."""
_NEW_PROFILE = (
    "Ask the provider for a new activation link, and take in the new profile with: "
    "model-sharing-provider provider update {provider} --profile FILE."
)
_REMEDIES = {
    MirrorState.SYNCING: "The first sync is under way; what is complete can be used.",
    MirrorState.ACTIVE: "",
    MirrorState.UNREACHABLE: "Nothing needs to be done here: it is tried again by itself.",
    MirrorState.TOKEN_EXPIRED: _NEW_PROFILE,
    MirrorState.TOKEN_REFUSED: f"The token was rotated or revoked. {_NEW_PROFILE}",
    MirrorState.REVOKED: "The provider does not share it with this metastore any more. Ask them to grant it "
    "again, or delete the catalog.",
    MirrorState.KEY_CHANGED: "What came is not signed by the pinned key. Ask the provider, by another way, "
    "whether the key was replaced; if so, delete the catalog and create it again with --key-fingerprint.",
    MirrorState.STALE_ANSWERS: "Check the clock of this server; if it is right, ask them about theirs.",
    MirrorState.INVALID_ANSWERS: "Tell the provider what is said above.",
    MirrorState.FAILED_HERE: "This server could not store what it read: see what is said above.",
}


def state_of(error: Exception) -> MirrorState:
    """State of a mirror whose provider was asked, and whose answer ended in this error."""
    for kinds, state in _STATES:
        if isinstance(error, kinds):
            return state
    return MirrorState.INVALID_ANSWERS


def reason_of(error: Exception) -> str:
    """Reason of a state, in words: the same ones each time, so that a repeated failure is no news."""
    if isinstance(error, SharingError):
        return _REQUEST_ID.sub(r"\1", error.message)
    return "The provider did not answer in time." if isinstance(error, TimeoutError) else type(error).__name__


def remedy_of(state: MirrorState, provider: str) -> str:
    """Advice on what to do about the state of a mirror of a provider's share."""
    return _REMEDIES[state].format(provider=provider)
