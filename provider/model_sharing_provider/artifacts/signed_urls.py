"""Signed URLs for files that the provider serves itself.

A URL contains ids and digests of its resource, never a path, and the grant and token it was issued under:
when the grant is revoked or the token expires, it stops working immediately, before its own expiry.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Protocol
from urllib.parse import urlencode

from model_sharing_protocol.errors import PermissionDenied
from model_sharing_provider.domain.signed_urls import Ticket
from model_sharing_provider.telemetry.reports import Measured, Refusal, report

_REFUSAL = "This URL was not signed by this server, or has expired; request the version's files again."


class UrlKeys(Protocol):
    """Keys for signing URLs, which may change between calls."""

    def signing_url_key(self) -> tuple[str, bytes]:
        """Id and value of the current key."""

    def find_url_key(self, key_id: str) -> bytes | None:
        """Find the key of a URL, if it is still accepted."""


class UrlSigner:
    """Signer of URLs, which signs with the current key and accepts older ones, to allow rotation."""

    def __init__(self, keys: UrlKeys) -> None:
        self._keys = keys

    def sign(self, ticket: Ticket) -> str:
        """Sign a ticket; returns `resource?query`, relative to the base URL of the file routes."""
        return self.sign_all([ticket])[0]

    def sign_all(self, tickets: Iterable[Ticket]) -> list[str]:
        """Sign the tickets of one response, by one key, as `sign` does."""
        key_id, key = self._keys.signing_url_key()
        return [
            f"{ticket.resource}?{_unsigned_query(ticket.under, key_id)}"
            f"&signature={_signature(ticket, key_id, key)}"
            for ticket in tickets
        ]

    def verify(self, resource: str, query: Mapping[str, str], method: str = "GET") -> Ticket:
        """Verify a URL, and return its ticket. Raises PermissionDenied for a changed or expired one."""
        try:
            ticket = Ticket(
                resource,
                query["grant"],
                query["token"],
                int(query["revision"]),
                int(query["expires"]),
                method,
                tuple(filter(None, query.get("groups", "").split(","))),
            )
            key_id = query["key"]
        except (KeyError, ValueError) as error:
            raise _refused(Refusal.MALFORMED) from error
        key = self._keys.find_url_key(key_id)
        if key is None:
            raise _refused(Refusal.UNKNOWN_KEY)
        expected = _signature(ticket, key_id, key)
        if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode()):
            raise _refused(Refusal.WRONG_SIGNATURE)
        if ticket.expires <= time.time():
            raise _refused(Refusal.EXPIRED)
        return ticket


def _refused(reason: Refusal) -> PermissionDenied:
    """Error for any reason, which is only reported to operators."""
    report(Measured.REFUSED_URLS, reason=reason)
    return PermissionDenied(_REFUSAL)


@lru_cache(64)
def _unsigned_query(under: tuple[str, str, int, int, tuple[str, ...]], key_id: str) -> str:
    """Query without the signature, which the URLs of one response have in common."""
    grant, token, revision, expires, groups = under
    query = {"grant": grant, "token": token, "revision": revision, "expires": expires, "key": key_id}
    return urlencode(query | ({"groups": _joined(groups)} if groups else {}))


def _joined(group_ids: Sequence[str]) -> str:
    return ",".join(group_ids)


def _signature(ticket: Ticket, key_id: str, key: bytes) -> str:
    parts = (
        ticket.method,
        ticket.resource,
        ticket.grant_id,
        ticket.token_id,
        ticket.revision,
        ticket.expires,
        key_id,
        *([_joined(ticket.group_ids)] if ticket.group_ids else []),
    )
    return hmac.digest(key, "\n".join(map(str, parts)).encode(), "sha256").hex()
