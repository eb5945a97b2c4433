"""Terms of a share and of its models, as a provider asks this recipient to accept them."""

from __future__ import annotations

import getpass
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from model_sharing.client.sharing_client import SharingClient
from model_sharing_protocol.characters import find_unseen
from model_sharing_protocol.errors import NotASharingServer, TermsNotAccepted
from model_sharing_protocol.open_sharing import Terms as TermsMessage
from model_sharing_protocol.terms import (
    MAX_ACCEPTED_BY,
    check_digest,
    check_line,
    subject_of_terms,
    terms_digest,
)
from model_sharing_protocol.times import moment


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms in force: a `text` and its `version`, which are accepted by their `digest`.

    They are of the whole share, or of `models`: the first hundred of `num_models`, as `schema.model`.
    `accepted_at`, in UTC, is None until this recipient has accepted them.
    """

    digest: str
    version: str
    text: str = field(repr=False)
    models: tuple[str, ...] = ()
    num_models: int = 0
    accepted_at: datetime | None = None
    accepted_by: str | None = None

    @classmethod
    def of(cls, wire: TermsMessage) -> Terms:
        """Terms of the protocol's message."""
        accepted_at = None if wire.accepted_at is None else moment(wire.accepted_at)
        models, num_models = wire.applies_to, max(wire.num_models, len(wire.applies_to))
        return cls(wire.digest, wire.version, wire.text, models, num_models, accepted_at, wire.accepted_by)

    @property
    def accepted(self) -> bool:
        """True if this recipient has accepted them."""
        return self.accepted_at is not None

    @property
    def subject(self) -> str:
        """What they apply to, in words."""
        return subject_of_terms(self.models, self.num_models)


async def fetch_terms(client: SharingClient, endpoint: str, share: str) -> list[Terms]:
    """Fetch the terms in force: of the whole share first, then of its models.

    None from a provider that does not know of terms. Raises NotASharingServer for a text that is not the one
    of its digest.
    """
    found = [Terms.of(wire) for wire in await client.list_terms(share)]
    for terms in found:
        if terms_digest(terms.version, terms.text) != terms.digest:
            raise NotASharingServer(
                f"{endpoint} lists terms of version {terms.version[:80]!r} whose text does not match their "
                f"digest {terms.digest}. Tell the provider."
            )
    return sorted(found, key=lambda terms: (bool(terms.models), terms.models, terms.digest))


async def accept_terms(
    client: SharingClient, share: str, digests: Collection[str], accepted_by: str | None
) -> list[Terms]:
    """Accept terms by their digests. Raises NotFound for those that do not apply in the share."""
    who = name_of_who_accepts(accepted_by)
    for digest in digests:
        check_digest(digest)
    return [Terms.of(await client.accept_terms(share, digest, who)) for digest in digests]


async def agree_to_mount(
    client: SharingClient, endpoint: str, share: str, digests: Collection[str], accepted_by: str | None
) -> None:
    """Accept what of `digests` applies. Raises TermsNotAccepted if terms of the whole share remain.

    Those of single models are left until one of these is wanted.
    """
    for digest in digests:
        check_digest(digest)
    terms = await fetch_terms(client, endpoint, share)
    open_terms = [each for each in terms if not each.accepted]
    await accept_terms(
        client, share, [each.digest for each in open_terms if each.digest in digests], accepted_by
    )
    remaining = [each for each in open_terms if not each.models and each.digest not in digests]
    if remaining:
        raise TermsNotAccepted(_refusal(endpoint, share, remaining))


def name_of_who_accepts(given: str | None) -> str:
    """Name of who accepts: the one that was given, or the user's name on this machine."""
    if given is not None:
        return check_line("name of who accepts", given, MAX_ACCEPTED_BY)
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = ""
    return user if user.strip() and find_unseen(user) is None else "unknown user"


def _refusal(endpoint: str, share: str, remaining: Sequence[Terms]) -> str:
    versions = " and ".join(f"version {each.version} ({each.digest})" for each in remaining)
    flags = " ".join(f"--accept-terms {each.digest}" for each in remaining)
    return (
        f"The share {share!r} of {endpoint} has terms that are not accepted: {versions}. Read them, and "
        f"accept them: mount it on a terminal, or with {flags}"
    )
