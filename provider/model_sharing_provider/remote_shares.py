"""What other providers share with us: the one place where this side acts as a recipient."""

from __future__ import annotations

from collections.abc import Sequence

from model_sharing_protocol.errors import InvalidState, LocalError, Unauthenticated
from model_sharing_protocol.profile import Profile


async def list_remote_shares(profile: Profile) -> Sequence[str]:
    """The names of the shares that a profile opens. Raises InvalidState if the provider cannot be asked."""
    from model_sharing.client import SharingClient  # noqa: PLC0415 - slow to import, and rarely needed
    from model_sharing.transport import Transport  # noqa: PLC0415

    try:
        async with Transport(lambda: profile) as transport:
            shares = await SharingClient(transport, profile.endpoint).list_shares()
            return [share.name for share in shares]
    except (LocalError, Unauthenticated) as error:
        raise InvalidState(f"The provider cannot be asked for its shares: {error.message}") from error
