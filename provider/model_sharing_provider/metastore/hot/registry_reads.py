"""Reads of every call by the metastore's own principals: a token, a version by revision.

It is plain SQL: see `executor` for why.
"""

from __future__ import annotations

import json
from dataclasses import replace

from model_sharing_protocol.names import FullName
from model_sharing_protocol.revisions import Revision
from model_sharing_provider.domain.mirrors import Mirror
from model_sharing_provider.domain.principals import ALL_USERS, Principal
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.metastore.engine.database_engine import SqlRows
from model_sharing_provider.metastore.hot.executor import compile_sql
from model_sharing_provider.metastore.hot.read_cache import ReadCache
from model_sharing_provider.metastore.hot.version_reads import RevisionReads
from model_sharing_provider.metastore.rows.mapping import read_principal
from model_sharing_provider.metastore.rows.mirrors import read_mirror, select_mirrors

_HOLDER = """
SELECT p.id, p.type, p.name, t.id AS token_id, t.expires_at, '[]' AS group_ids
FROM access_tokens t JOIN principals p ON p.id = t.principal_id
WHERE t.token_hash = :token_hash AND p.active
"""
_HOLDER_OF_SESSION = """
SELECT p.id, p.type, p.name, COALESCE(t.id, f.id) AS token_id, s.expires_at, s.group_ids
FROM sessions s
LEFT JOIN access_tokens t ON t.id = s.token_id
LEFT JOIN federation_policies f ON f.id = s.policy_id
JOIN principals p ON p.id = COALESCE(t.principal_id, f.holder_id)
WHERE s.session_hash = :session_hash AND p.active
"""
GROUPS = f"""
SELECT p.id, p.type, p.name FROM principals p
WHERE p.name = '{ALL_USERS}' OR p.id IN (SELECT group_id FROM group_members WHERE member_id = :id)
"""  # noqa: S608 - a constant
GROUPS_OF_POLICY = """
SELECT p.id, p.type, p.name FROM federation_policy_groups g JOIN principals p ON p.id = g.group_id
WHERE g.policy_id = :id ORDER BY p.name
"""
_MIRRORS = compile_sql(select_mirrors())
_OF_MODEL = RevisionReads.of(
    "catalogs.name = :catalog AND schemas.name = :schema AND registered_models.name = :model"
)


class RegistryReads:
    """Hot reads for users, service principals and administrators."""

    def __init__(self, cache: ReadCache) -> None:
        self._cache = cache

    async def find_by_token(self, token_hash: str, now: int) -> Principal | None:
        """Holder of an access token that has not expired, with its groups."""
        return await self._find_holder(_HOLDER, {"token_hash": token_hash}, now)

    async def find_by_session(self, session_hash: str, now: int) -> Principal | None:
        """Holder of a session that has not ended, with its groups."""
        return await self._find_holder(_HOLDER_OF_SESSION, {"session_hash": session_hash}, now)

    async def _find_holder(self, query: str, parameters: dict[str, str], now: int) -> Principal | None:
        def read(rows: SqlRows) -> tuple[Principal, int | None] | None:
            row = rows.execute(query, parameters).fetchone()
            if row is None:
                return None
            groups = tuple(map(read_principal, rows.execute(GROUPS, {"id": row["id"]})))
            holder = replace(read_principal(row), token_id=row["token_id"], groups=groups)
            return _in_token_groups(rows, holder, json.loads(row["group_ids"])), row["expires_at"]

        found = await self._cache.get((query, *parameters.values()), read)
        if found is None or (found[1] is not None and found[1] <= now):
            return None
        return found[0]

    async def mirrors(self) -> dict[str, Mirror]:
        """All mirrors by the names of their catalogs."""

        def read(rows: SqlRows) -> dict[str, Mirror]:
            return {row["catalog"]: read_mirror(row) for row in rows.execute(_MIRRORS, {})}

        return await self._cache.get("mirrors", read)

    async def version(self, name: FullName, revision: Revision) -> ModelVersion | None:
        """Version by revision; with any status, if by number."""
        place = {"catalog": name.catalog, "schema": name.schema, "model": name.name}

        def read(rows: SqlRows) -> ModelVersion | None:
            return _OF_MODEL.find(rows, place, revision)

        return await self._cache.get(("version", name, revision), read)


def _in_token_groups(rows: SqlRows, holder: Principal, group_ids: list[str]) -> Principal:
    """Holder in the groups that its ID token gave when it signed in, and that its policy still allows."""
    if not group_ids:
        return holder
    allowed = map(read_principal, rows.execute(GROUPS_OF_POLICY, {"id": holder.token_id}))
    return holder.with_token_groups(group for group in allowed if group.id in group_ids)
