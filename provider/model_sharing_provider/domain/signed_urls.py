"""Tickets of signed URLs: who may fetch which bytes until when, and how long they live."""

from __future__ import annotations

from dataclasses import dataclass

URL_LIFETIME_SECONDS = 300
UPLOAD_URL_LIFETIME_SECONDS = 900
LONGEST_URL_LIFETIME_SECONDS = max(URL_LIFETIME_SECONDS, UPLOAD_URL_LIFETIME_SECONDS)


@dataclass(frozen=True, slots=True)
class Ticket:
    """Ticket: what a signed URL stands for. `expires` is in epoch seconds; `revision` is the share's.

    Recipients' URLs name a grant; those of the metastore's own principals name none, only their token.
    """

    resource: str
    grant_id: str
    token_id: str
    revision: int
    expires: int
    method: str = "GET"
