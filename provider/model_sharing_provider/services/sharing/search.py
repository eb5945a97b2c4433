"""Search over all that a caller may see: models and versions by any of their words, recipients, shares."""

from __future__ import annotations

import re

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.search import SearchField, SearchHit, SearchResult
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance import rules
from model_sharing_provider.metastore.authorization.visibility import Viewer
from model_sharing_provider.services.context import Context

MAX_TEXT = 200
SHOWN = 20
_DIGEST = re.compile(r"(sha256:)?[0-9a-f]{6,64}")


class Search:
    async def find(self, context: Context, text: str) -> SearchResult:
        """What is found by a text, at most `SHOWN` hits in each field. Raises InvalidParameter."""
        text = text.strip()
        if not text or len(text) > MAX_TEXT:
            raise InvalidParameter(f"Search for 1 to {MAX_TEXT} characters.")
        async with context.view(AuditAction.SEARCH_METASTORE, Target(SecurableType.METASTORE)) as operation:
            await operation.authorize(rules.ANY_PRINCIPAL)
            viewer, rows = Viewer.of(operation.principal), operation.rows.search
            key, _, value = (part.strip() for part in text.partition(":"))
            alias = text.removeprefix("@")
            hits: dict[SearchField, list[SearchHit]] = {}
            if text.strip("."):
                hits[SearchField.NAME] = await rows.by_name(text, viewer, SHOWN)
            if alias:
                hits[SearchField.ALIAS] = await rows.by_alias(alias, viewer, SHOWN)
            if key:
                hits[SearchField.TAG] = await rows.by_tag(key, value, viewer, SHOWN)
            hits[SearchField.RUN] = await rows.by_run(text, viewer, SHOWN)
            if _DIGEST.fullmatch(text.lower()):
                digest = f"sha256:{text.lower().removeprefix('sha256:')}"
                hits[SearchField.DIGEST] = await rows.by_digest(digest, viewer, SHOWN)
            recipients, shares = await rows.recipients_and_shares(text, viewer, SHOWN)
            return SearchResult(
                {field: tuple(found) for field, found in hits.items() if found},
                tuple(recipients),
                tuple(shares),
            )
