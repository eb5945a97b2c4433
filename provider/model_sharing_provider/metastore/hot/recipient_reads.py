"""Reads of every load by a recipient: a token, a version by revision, a signed URL.

It is plain SQL: see `executor` for why.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from model_sharing_protocol.names import SharedName
from model_sharing_protocol.revisions import Revision
from model_sharing_provider.domain.changes import FeedPosition
from model_sharing_provider.domain.principals import Principal, PrincipalType
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.sharing import Share, SharedFeed, ShareGrant
from model_sharing_provider.domain.terms import UnacceptedTerms
from model_sharing_provider.metastore.authorization.visibility import owner_may_read_model_id
from model_sharing_provider.metastore.engine.database_engine import SqlRow, SqlRows
from model_sharing_provider.metastore.hot.executor import compile_sql
from model_sharing_provider.metastore.hot.read_cache import ReadCache
from model_sharing_provider.metastore.hot.version_reads import (
    SELECT_VERSION,
    RevisionReads,
    read_full_version,
)
from model_sharing_provider.metastore.rows.mapping import read_limits
from model_sharing_provider.metastore.rows.share_mapping import read_share, read_share_grant

_RESTRICTED = "EXISTS (SELECT 1 FROM mirrors WHERE NOT mirrors.resharing)"
"""True if there are models that not even an administrator may share further."""
_NEVER = 253_402_300_799_999
"""Expiry of a federation policy, by whose id its tokens go: the end of the year 9999."""
_HOLDER = """
SELECT t.id AS token_id, t.expires_at, r.id, r.name, r.ip_access_list,
    r.requests_per_minute, r.bytes_per_day, r.bytes_per_month
FROM recipient_tokens t JOIN recipients r ON r.id = t.recipient_id
WHERE t.token_hash = :token_hash
"""
_SHARE = f"""
SELECT s.*, g.id AS grant_id, g.privilege, g.granted_at, g.granted_by, r.name AS recipient,
    p.type AS owner_type, {_RESTRICTED} AS restricted
FROM shares s
JOIN grants g ON g.securable_id = s.id AND g.principal_id = :recipient_id
JOIN recipients r ON r.id = g.principal_id
LEFT JOIN principals p ON p.name = s.owner
WHERE s.name = :share
"""  # noqa: S608 - a constant
_SINGLE_MODEL = """
SELECT m.id, m.updated_at FROM share_objects o JOIN registered_models m ON m.id = o.object_id
WHERE o.share_id = :share_id AND o.shared_schema = :schema AND o.shared_name = :name AND o.type = 'MODEL'
"""
_MODEL_OF_SCHEMA = """
SELECT m.id, m.updated_at
FROM share_objects o JOIN registered_models m ON m.schema_id = o.object_id AND m.name = :name
WHERE o.share_id = :share_id AND o.shared_schema = :schema AND o.shared_name = '' AND o.type = 'SCHEMA'
AND NOT EXISTS (
    SELECT 1 FROM share_objects single
    WHERE single.share_id = :share_id AND single.shared_schema = :schema AND single.shared_name = :name
        AND single.type = 'MODEL'
)
"""
_OF_MODEL = RevisionReads.of("model_versions.model_id = :model_id")
_UNACCEPTED_TERMS = """
SELECT t.digest, x.version, t.securable_type = 'SHARE' AS whole_share
FROM securable_terms t JOIN terms_texts x ON x.digest = t.digest
WHERE t.securable_id IN (:share_id, :model_id) AND t.ended_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM terms_acceptances a WHERE a.recipient_id = :recipient_id AND a.digest = t.digest
)
ORDER BY t.securable_type DESC
"""
_BY_ID = SELECT_VERSION + " WHERE model_versions.id = :version_id"
_ACCESS = f"""
SELECT s.name AS share, s.owner, r.id AS recipient_id, r.name AS recipient, r.ip_access_list,
    r.requests_per_minute, r.bytes_per_day, r.bytes_per_month, p.type AS owner_type,
    COALESCE(t.expires_at, {_NEVER}) AS expires_at, {_RESTRICTED} AS restricted
FROM grants g
JOIN shares s ON s.id = g.securable_id
JOIN recipients r ON r.id = g.principal_id
LEFT JOIN recipient_tokens t ON t.id = :token_id AND t.recipient_id = r.id
LEFT JOIN federation_policies f ON f.id = :token_id AND f.holder_id = r.id
LEFT JOIN principals p ON p.name = s.owner
WHERE g.id = :grant_id AND s.revision = :revision AND (t.id IS NOT NULL OR f.id IS NOT NULL)
"""  # noqa: S608 - a constant

_NEWEST_CHANGE = "SELECT sequence, mark FROM changes ORDER BY sequence DESC LIMIT 1"
_EXPIRY = f"""
SELECT expires_at FROM recipient_tokens WHERE id = :token_id AND recipient_id = :recipient_id
UNION ALL
SELECT {_NEVER} FROM federation_policies WHERE id = :token_id AND holder_id = :recipient_id
"""  # noqa: S608 - a constant

_OWNER_MAY_READ = compile_sql(owner_may_read_model_id())


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Holder of a token, when it expires (epoch ms), and the networks that it may be used from."""

    principal: Principal
    expires_at: int
    networks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SharedLookup:
    """Result of looking up a version in a share: share, grant, model, version; each may be missing.

    `unaccepted` are the terms that the recipient has to accept before it is given the version's files.
    """

    share: Share | None = None
    grant: ShareGrant | None = None
    model_id: str | None = None
    version: ModelVersion | None = None
    model_updated_at: int = 0
    unaccepted: tuple[UnacceptedTerms, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveGrant:
    """Access under a valid grant, with the requested version, if any.

    `expires_at`, in epoch milliseconds, is the token's.
    """

    share: str
    holder: Principal
    networks: tuple[str, ...]
    expires_at: int
    version: ModelVersion | None = None


class RecipientReads:
    """Look-ups of what recipients ask for."""

    def __init__(self, cache: ReadCache) -> None:
        self._cache = cache

    async def find_by_token(self, token_hash: str) -> TokenHolder | None:
        """Holder of a token, expired or not."""

        def read(rows: SqlRows) -> TokenHolder | None:
            row = rows.execute(_HOLDER, {"token_hash": token_hash}).fetchone()
            if row is None:
                return None
            holder = Principal(
                PrincipalType.RECIPIENT,
                row["id"],
                row["name"],
                row["token_id"],
                token_expires_at=row["expires_at"],
                limits=read_limits(row),
            )
            return TokenHolder(holder, row["expires_at"], _networks(row))

        return await self._cache.get(("token", token_hash), read)

    async def shared_version(
        self, recipient_id: str, share: str, name: SharedName, revision: Revision
    ) -> SharedLookup:
        """Version by revision, as one recipient sees it in one share."""

        def read(rows: SqlRows) -> SharedLookup:
            found = rows.execute(_SHARE, {"recipient_id": recipient_id, "share": share}).fetchone()
            if found is None:
                return SharedLookup()
            granted = read_share(found), read_share_grant(found, grant_id="grant_id", share="name")
            place = {"share_id": found["id"], "schema": name.schema, "name": name.name}
            model = (
                rows.execute(_SINGLE_MODEL, place).fetchone()
                or rows.execute(_MODEL_OF_SCHEMA, place).fetchone()
            )
            if model is None or not _owner_may_read(rows, found, model["id"]):
                return SharedLookup(*granted)
            version = _OF_MODEL.find(rows, {"model_id": model["id"]}, revision)
            of = {"share_id": found["id"], "model_id": model["id"], "recipient_id": recipient_id}
            unaccepted = tuple(map(_unaccepted, rows.execute(_UNACCEPTED_TERMS, of)))
            return SharedLookup(*granted, model["id"], version, model["updated_at"], unaccepted)

        return await self._cache.get(("shared version", recipient_id, share, name, revision), read)

    async def feed(self, recipient: Principal, share: str) -> SharedFeed:
        """State of a share's change feed, which those who wait ask for after each change."""

        def read(rows: SqlRows) -> SharedFeed:
            newest = rows.execute(_NEWEST_CHANGE, {}).fetchone()
            position = FeedPosition(newest["sequence"], newest["mark"])
            found = rows.execute(_SHARE, {"recipient_id": recipient.id, "share": share}).fetchone()
            token = {"token_id": recipient.token_id, "recipient_id": recipient.id}
            expiry = rows.execute(_EXPIRY, token).fetchone()
            if found is None or expiry is None:
                return SharedFeed(position=position)
            return SharedFeed(
                share=read_share(found),
                grant=read_share_grant(found, grant_id="grant_id", share="name"),
                limited=not _sees_all(found),
                position=position,
                token_expires_at=expiry["expires_at"],
            )

        return await self._cache.get(("feed", recipient.id, recipient.token_id, share), read)

    async def access(
        self, grant_id: str, token_id: str, revision: int, now: int, *, version_id: str = ""
    ) -> LiveGrant | None:
        """Access under a grant, a token and a share's revision, if still valid.

        It is valid while the grant exists, the token has not expired, and nothing was removed from the share.
        """

        def read(rows: SqlRows) -> LiveGrant | None:
            values = {"grant_id": grant_id, "token_id": token_id, "revision": revision}
            names = rows.execute(_ACCESS, values).fetchone()
            if names is None:
                return None
            row = rows.execute(_BY_ID, {"version_id": version_id}).fetchone() if version_id else None
            if row and not _owner_may_read(rows, names, row["model_id"]):
                return None
            version = read_full_version(rows, row) if row else None
            networks, expires_at = _networks(names), names["expires_at"]
            holder = Principal(
                PrincipalType.RECIPIENT,
                names["recipient_id"],
                names["recipient"],
                token_id,
                limits=read_limits(names),
            )
            return LiveGrant(names["share"], holder, networks, expires_at, version)

        under = grant_id, token_id, revision, version_id
        access = await self._cache.get(("access", under), read)
        return access if access is not None and access.expires_at > now else None


def _networks(row: SqlRow) -> tuple[str, ...]:
    return tuple(json.loads(row["ip_access_list"]))


def _unaccepted(row: SqlRow) -> UnacceptedTerms:
    return UnacceptedTerms(row["digest"], row["version"], bool(row["whole_share"]))


def _sees_all(share: SqlRow) -> bool:
    """True if the share's owner may share every model of the metastore."""
    return share["owner_type"] == PrincipalType.ADMIN and not share["restricted"]


def _owner_may_read(rows: SqlRows, share: SqlRow, model_id: str) -> bool:
    """True if the share's owner may read the model; otherwise the share does not show it."""
    if _sees_all(share):
        return True
    return (
        rows.execute(_OWNER_MAY_READ, {"owner": share["owner"], "model_id": model_id}).fetchone() is not None
    )
