"""Signed URLs for files that the provider serves itself: who may fetch which bytes until when.

A URL names a resource by ids and digests, never by a path, and the grant and token it was given out under:
when the grant goes, or the token expires, the URL stops working at once, well before its own expiry.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from model_sharing_protocol.errors import PermissionDenied

URL_LIFETIME_SECONDS = 300
_REFUSAL = (
    "This URL is not one that this server signed, or it has expired; ask for the version's files again."
)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a signed URL stands for. `expires` is in epoch seconds; `revision` is the share's.

    Recipients' URLs name a grant; those of the metastore's own principals name none, only their token.
    """

    resource: str
    grant_id: str
    token_id: str
    revision: int
    expires: int
    method: str = "GET"


class UrlSigner:
    """Signs with the newest key and accepts the older ones, so that keys can be rotated."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """`keys` by id, oldest first."""
        self._keys = dict(keys)
        self._newest = list(self._keys)[-1]

    def sign(self, ticket: Ticket) -> str:
        """`resource?query`: what follows the base URL of the file routes."""
        query = {
            "grant": ticket.grant_id,
            "token": ticket.token_id,
            "revision": ticket.revision,
            "expires": ticket.expires,
            "key": self._newest,
            "signature": self._signature(ticket, self._newest),
        }
        return f"{ticket.resource}?{urlencode(query)}"

    def verify(self, resource: str, query: Mapping[str, str], method: str = "GET") -> Ticket:
        """The ticket of a URL that came back; PermissionDenied if any part was changed or it has expired."""
        try:
            ticket = Ticket(
                resource,
                query["grant"],
                query["token"],
                int(query["revision"]),
                int(query["expires"]),
                method,
            )
            expected = self._signature(ticket, query["key"])
        except (KeyError, ValueError) as error:
            raise PermissionDenied(_REFUSAL) from error
        if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode()):
            raise PermissionDenied(_REFUSAL)
        if ticket.expires <= time.time():
            raise PermissionDenied(_REFUSAL)
        return ticket

    def _signature(self, ticket: Ticket, key_id: str) -> str:
        parts = (
            ticket.method,
            ticket.resource,
            ticket.grant_id,
            ticket.token_id,
            ticket.revision,
            ticket.expires,
            key_id,
        )
        message = "\n".join(map(str, parts))
        return hmac.new(self._keys[key_id], message.encode(), hashlib.sha256).hexdigest()
