"""Rows of the metastore's own principals: their groups and access tokens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, func, insert, or_, select, update

from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.expiry import Expiring
from model_sharing_provider.domain.principals import (
    ALL_USERS,
    AccessToken,
    NameFilter,
    Principal,
    PrincipalInfo,
    PrincipalType,
)
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.paging.keyset import fetch_page
from model_sharing_provider.metastore.rows.changes import ChangeRows
from model_sharing_provider.metastore.rows.expiring_tokens import expiring
from model_sharing_provider.metastore.rows.mapping import read_principal
from model_sharing_provider.metastore.rows.sessions import delete_sessions_of
from model_sharing_provider.metastore.tables import (
    access_tokens,
    federation_policies,
    federation_policy_groups,
    grants,
    group_members,
    principals,
    sessions,
)


class PrincipalRows:
    def __init__(self, connection: Connection, changes: ChangeRows) -> None:
        self._connection = connection
        self._changes = changes

    async def find_administrator(self) -> Principal | None:
        """Administrator that the first start created."""
        query = select(principals).where(principals.c.type == PrincipalType.ADMIN)
        row = (await self._connection.execute(query.order_by(principals.c.created_at))).first()
        return read_principal(row._mapping) if row else None

    async def find_by_token_id(
        self, token_id: str, now: int, group_ids: Collection[str] = ()
    ) -> Principal | None:
        """Holder of the token or federation policy with this id, with its groups.

        `group_ids` are those that a token of another issuer gave; they count as far as its policy still
        allows them. None for a token that has expired, and for a principal that is inactive.
        """
        alive = or_(access_tokens.c.expires_at.is_(None), access_tokens.c.expires_at > now)
        query = (
            select(principals, access_tokens.c.id.label("token_id"))
            .join_from(access_tokens, principals)
            .where(access_tokens.c.id == token_id, alive, principals.c.active)
        )
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            of_policy = (
                select(principals, federation_policies.c.id.label("token_id"))
                .join_from(
                    federation_policies, principals, principals.c.id == federation_policies.c.holder_id
                )
                .where(federation_policies.c.id == token_id, principals.c.active)
            )
            row = (await self._connection.execute(of_policy)).one_or_none()
        if row is None:
            return None
        groups = await self._connection.execute(_groups_of(row.id))
        holder = replace(
            read_principal(row._mapping),
            token_id=row.token_id,
            groups=tuple(read_principal(group._mapping) for group in groups),
        )
        given = await self._connection.execute(_groups_given(token_id, group_ids)) if group_ids else ()
        return holder.with_token_groups(read_principal(group._mapping) for group in given)

    async def find(self, name: str) -> PrincipalInfo | None:
        return await self._find_one(principals.c.name == name)

    async def find_by_id(self, principal_id: str) -> PrincipalInfo | None:
        return await self._find_one(principals.c.id == principal_id)

    async def find_holder(self, token_id: str) -> PrincipalInfo | None:
        """Holder of the token with this id, which may have expired."""
        holder = select(access_tokens.c.principal_id).where(access_tokens.c.id == token_id)
        return await self._find_one(principals.c.id.in_(holder))

    async def _find_one(self, condition: ColumnElement[bool]) -> PrincipalInfo | None:
        row = (await self._connection.execute(select(principals).where(condition))).one_or_none()
        return (await self._complete([_info(row)]))[0] if row else None

    async def listed(
        self, kinds: Iterable[PrincipalType], wanted: NameFilter | None, after: int, limit: int
    ) -> tuple[list[PrincipalInfo], int]:
        """Principals of these kinds by name, from the one at the index `after` on; and the number of all."""
        conditions: list[ColumnElement[bool]] = [principals.c.type.in_(kinds)]
        if wanted is not None:
            conditions.append(_matches(wanted))
        total = select(func.count()).select_from(principals).where(*conditions)
        query = select(principals).where(*conditions).order_by(principals.c.name).offset(after).limit(limit)
        found = [_info(row) for row in await self._connection.execute(query)] if limit else []
        return await self._complete(found), (await self._connection.execute(total)).scalar_one()

    async def set_active(self, principal_id: str, *, active: bool) -> None:
        """Accept or refuse a principal's tokens; its sessions end if they are refused."""
        await self._connection.execute(
            update(principals).where(principals.c.id == principal_id).values(active=active)
        )
        if not active:
            await self._connection.execute(delete_sessions_of(principal_id))

    async def page(self, page: PageRequest) -> Page[PrincipalInfo]:
        found = await fetch_page(
            self._connection,
            select(principals),
            principals.c.name,
            page,
            _info,
            key_of=lambda item: item.principal.name,
            besides=_weight_of_tokens(),
        )
        return Page(await self._complete(found.items), found.last_key)

    async def add(self, principal: Principal, now: int) -> None:
        await self._connection.execute(
            insert(principals).values(
                id=principal.id, type=principal.type, name=principal.name, created_at=now
            )
        )

    async def delete(self, principal_id: str) -> None:
        """Delete a principal with its tokens, policies, sessions, memberships and grants."""
        await self._changes.record_permissions(principal_id)
        either = or_(group_members.c.group_id == principal_id, group_members.c.member_id == principal_id)
        policies = select(federation_policies.c.id).where(federation_policies.c.holder_id == principal_id)
        given = federation_policy_groups.c
        for statement in (
            delete_sessions_of(principal_id),
            delete(access_tokens).where(access_tokens.c.principal_id == principal_id),
            delete(federation_policy_groups).where(
                or_(given.group_id == principal_id, given.policy_id.in_(policies))
            ),
            delete(federation_policies).where(federation_policies.c.holder_id == principal_id),
            delete(group_members).where(either),
            delete(grants).where(grants.c.principal_id == principal_id),
            delete(principals).where(principals.c.id == principal_id),
        ):
            await self._connection.execute(statement)

    async def add_member(self, group_id: str, member_id: str) -> None:
        await self._connection.execute(insert(group_members).values(group_id=group_id, member_id=member_id))
        await self._changes.record_permissions(member_id)

    async def remove_member(self, group_id: str, member_id: str) -> bool:
        """Remove a member; False if it was not one."""
        result = await self._connection.execute(
            delete(group_members)
            .where(group_members.c.group_id == group_id, group_members.c.member_id == member_id)
            .returning(group_members.c.member_id)
        )
        await self._changes.record_permissions(member_id)
        return result.first() is not None

    async def add_token(self, token: AccessToken, principal_id: str, token_hash: str) -> None:
        await self._connection.execute(
            insert(access_tokens).values(
                id=token.id,
                principal_id=principal_id,
                token_hash=token_hash,
                comment=token.comment,
                expires_at=token.expires_at,
                created_at=token.created_at,
            )
        )

    async def delete_token(self, principal_id: str, token_id: str) -> bool:
        """Delete a token with its sessions; False if the principal has no such token."""
        found = (access_tokens.c.id == token_id, access_tokens.c.principal_id == principal_id)
        token = select(access_tokens.c.id).where(*found)
        await self._connection.execute(delete(sessions).where(sessions.c.token_id.in_(token)))
        result = await self._connection.execute(
            delete(access_tokens).where(*found).returning(access_tokens.c.id)
        )
        return result.first() is not None

    async def expiring(self, now: int, until: int) -> Expiring:
        """Expiry of valid access tokens; `soon` counts those that expire before `until`."""
        live = select(access_tokens.c.expires_at.label("at")).where(access_tokens.c.expires_at > now)
        return await expiring(self._connection, live.subquery().c.at, until)

    async def _complete(self, found: Sequence[PrincipalInfo]) -> list[PrincipalInfo]:
        ids = [info.principal.id for info in found]
        tokens: dict[str, list[AccessToken]] = defaultdict(list)
        query = select(access_tokens).where(access_tokens.c.principal_id.in_(ids))
        for row in await self._connection.execute(query.order_by(access_tokens.c.created_at)):
            tokens[row.principal_id].append(
                AccessToken(
                    id=row.id, comment=row.comment, expires_at=row.expires_at, created_at=row.created_at
                )
            )
        members = await self._related(group_members.c.group_id, ids, group_members.c.member_id)
        groups = await self._related(group_members.c.member_id, ids, group_members.c.group_id)
        return [
            replace(
                info,
                tokens=tuple(tokens[info.principal.id]),
                groups=tuple(groups[info.principal.id]),
                member_principals=tuple(members[info.principal.id]),
            )
            for info in found
        ]

    async def _related(
        self, own: ColumnElement[str], ids: Sequence[str], other: ColumnElement[str]
    ) -> dict[str, list[Principal]]:
        """Principals on the other side of memberships, by name, for each id on one side."""
        related: dict[str, list[Principal]] = defaultdict(list)
        query = (
            select(own.label("own_id"), principals)
            .join_from(group_members, principals, principals.c.id == other)
            .where(own.in_(ids))
            .order_by(principals.c.name)
        )
        for row in await self._connection.execute(query):
            related[row.own_id].append(read_principal(row._mapping))
        return related


def _weight_of_tokens() -> ColumnElement[int]:
    total = func.coalesce(func.sum(func.length(access_tokens.c.comment)), 0)
    return select(total).where(access_tokens.c.principal_id == principals.c.id).scalar_subquery()


def _groups_of(principal_id: str) -> Select[Any]:
    joined = select(group_members.c.group_id).where(group_members.c.member_id == principal_id)
    either = or_(principals.c.id.in_(joined), principals.c.name == ALL_USERS)
    return select(principals).where(either).order_by(principals.c.name)


def _groups_given(policy_id: str, group_ids: Collection[str]) -> Select[Any]:
    return (
        select(principals)
        .join_from(federation_policy_groups, principals)
        .where(
            federation_policy_groups.c.policy_id == policy_id,
            federation_policy_groups.c.group_id.in_(group_ids),
        )
        .order_by(principals.c.name)
    )


def _info(row: Row[Any]) -> PrincipalInfo:
    return PrincipalInfo(principal=read_principal(row._mapping), active=row.active, created_at=row.created_at)


def _matches(wanted: NameFilter) -> ColumnElement[bool]:
    name, value = func.lower(principals.c.name), wanted.value.lower()
    match wanted.operator:
        case "eq":
            return name == value
        case "ne":
            return name != value
        case "sw":
            return name.startswith(value, autoescape=True)
        case _:
            return name.contains(value, autoescape=True)
