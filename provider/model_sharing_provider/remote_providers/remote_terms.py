"""Terms of an upstream share, as a recipient reads and checks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_sharing_protocol.times import epoch_ms
from model_sharing_provider.domain.terms import SharedTerms

if TYPE_CHECKING:
    from model_sharing.client.sharing_client import SharingClient


async def fetch_shared_terms(client: SharingClient, endpoint: str, share: str) -> list[SharedTerms]:
    """Fetch the terms in force of a share and its models; none from a provider that does not know of terms.

    Raises NotASharingServer for a text that is not the one of its digest.
    """
    from model_sharing.mounting.terms import fetch_terms  # noqa: PLC0415 - slow to import

    return [
        SharedTerms(
            digest=terms.digest,
            version=terms.version,
            text=terms.text,
            models=terms.models,
            accepted_at=None if terms.accepted_at is None else epoch_ms(terms.accepted_at),
            accepted_by=terms.accepted_by or "",
        )
        for terms in await fetch_terms(client, endpoint, share)
    ]
