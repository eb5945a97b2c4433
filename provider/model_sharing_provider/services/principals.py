"""The provider's own people and programs, told by their access tokens."""

from __future__ import annotations

from model_sharing_protocol.errors import Unauthenticated
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.domain.secrets import keyed_hash, well_formed
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.services.context import Context


class Principals:
    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper

    async def authenticate(self, context: Context, token: str) -> Principal:
        """Who holds an access token. Raises Unauthenticated, after auditing the denial."""
        if well_formed(token):
            async with context.identify() as rows:
                principal = await rows.principals.find_by_token(keyed_hash(self._pepper, token))
            if principal is not None:
                return principal
        refusal = Unauthenticated(
            "The bearer token is missing or not one of this server's access tokens; "
            "the administrator's is in admin.token in the provider's home."
        )
        await context.refused("authenticate", Target(SecurableType.METASTORE), refusal.message)
        raise refusal
