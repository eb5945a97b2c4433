"""Tickets of signed URLs: the bytes they give access to, their holder and lifetime."""

from __future__ import annotations

from dataclasses import dataclass

URL_LIFETIME_SECONDS = 300
UPLOAD_URL_LIFETIME_SECONDS = 900
LONGEST_URL_LIFETIME_SECONDS = max(URL_LIFETIME_SECONDS, UPLOAD_URL_LIFETIME_SECONDS)


@dataclass(frozen=True, slots=True)
class Ticket:
    """Ticket: the content of a signed URL. `expires` is in epoch seconds; `revision` is the share's.

    Recipients' URLs contain a grant and a token; those of the metastore's own principals only a token, and
    the groups that it gave them.
    """

    resource: str
    grant_id: str
    token_id: str
    revision: int
    expires: int
    method: str = "GET"
    group_ids: tuple[str, ...] = ()

    @property
    def under(self) -> tuple[str, str, int, int, tuple[str, ...]]:
        """What the URLs of one response have in common: grant, token, revision, expiry and groups."""
        return self.grant_id, self.token_id, self.revision, self.expires, self.group_ids
