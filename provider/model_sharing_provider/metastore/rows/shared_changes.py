"""Changes as one share tells them: of what it shows, under the names that recipients see.

A share with an owner that may not read everything must not tell names of what it hides. So where models of
a whole schema are hidden, removals and new names are told as a change of the share. A change of the share
stands for any: what came before it is left out, since it may be of models that were not shown then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select

from model_sharing_protocol.change_kinds import ChangeKind
from model_sharing_provider.domain.changes import EVERY_SHARE, ChangesPage, FeedPosition, SharedChange
from model_sharing_provider.domain.sharing import Share, ShareObjectType
from model_sharing_provider.metastore.authorization.visibility import owner_may_read, owner_may_read_all
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import (
    catalogs,
    changes,
    registered_models,
    schemas,
    share_objects,
)

MAX_SCANNED = 5000
"""Changes that one page looks at; it may tell none of them, and that there are more."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a share shows now, as far as it matters to a page of changes.

    `added` has the sequence of the change that added a model, by its id. `readable` has the schema and name
    of the models that the owner may read, by their ids; `whole` has schemas of which it may read all.
    """

    added: dict[str, int]
    limited: bool
    readable: dict[str, tuple[str, str]] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()

    def hides_some_of(self, *schema_ids: str) -> bool:
        return self.limited and not self.whole.issuperset(filter(None, schema_ids))


class SharedChangeRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def mark_of(self, sequence: int) -> str | None:
        """Mark of a change, or None if there is none with this sequence, or no longer."""
        query = select(changes.c.mark).where(changes.c.sequence == sequence)
        return (await self._connection.execute(query)).scalar_one_or_none()

    async def page(self, share: Share, limited: bool, after: FeedPosition, limit: int) -> ChangesPage:
        """Page of changes after a position. `limited`: the owner is not an administrator."""
        ids = (share.id, EVERY_SHARE) if limited else (share.id,)
        changed, added = await self._changes_of_share(ids, after.sequence)
        first = changed or after.sequence + 1
        newest = last = await self._newest()
        if last.sequence >= first + MAX_SCANNED:
            last = await self._newest(before=first + MAX_SCANNED)
        query = _relevant(share.id, ids).where(changes.c.sequence.between(first, last.sequence))
        found = (await self._connection.execute(query.limit(limit + 1))).all()
        rows = found[:limit]
        if len(found) > limit:
            last = FeedPosition(rows[-1].sequence, rows[-1].mark) if rows else after
        shown = _Shown(added, limited)
        if limited and rows:
            shown = await self._limits(share.owner, rows, shown)
        told = _without_repetition(each for row in rows for each in _told(row, shown))
        return ChangesPage(told, last, more=last.sequence < newest.sequence)

    async def _changes_of_share(self, ids: Collection[str], after: int) -> tuple[int | None, dict[str, int]]:
        """Last change of the share as a whole, and of each model that was added to it, after a sequence."""
        query = select(changes.c.kind, changes.c.model_id, func.max(changes.c.sequence).label("last"))
        query = query.where(changes.c.share_id.in_(ids), changes.c.sequence > after)
        rows = await self._connection.execute(query.group_by(changes.c.kind, changes.c.model_id))
        last = {(ChangeKind(row.kind), row.model_id): int(row.last) for row in rows}
        changed = last.get((ChangeKind.SHARE_CHANGED, ""))
        return changed, {model: at for (kind, model), at in last.items() if kind is ChangeKind.MODEL_ADDED}

    async def _newest(self, before: int | None = None) -> FeedPosition:
        query = select(changes.c.sequence, changes.c.mark).order_by(changes.c.sequence.desc()).limit(1)
        if before is not None:
            query = query.where(changes.c.sequence < before)
        row = (await self._connection.execute(query)).one()
        return FeedPosition(row.sequence, row.mark)

    async def _limits(self, owner: str, rows: Collection[Any], shown: _Shown) -> _Shown:
        """What a share shows of the models in these rows, if its owner may not read everything."""
        readable = (
            select(registered_models.c.id, registered_models.c.schema_id, registered_models.c.name)
            .join_from(registered_models, schemas)
            .join(catalogs)
            .where(registered_models.c.id.in_({row.model_id for row in rows}), owner_may_read(owner))
        )
        models = {row.id: (row.schema_id, row.name) for row in await self._connection.execute(readable)}
        used = {row.schema_id for row in rows} | {row.previous_schema_id for row in rows}
        whole = select(schemas.c.id).join_from(schemas, catalogs)
        whole = whole.where(schemas.c.id.in_(used), owner_may_read_all(owner))
        read_all = frozenset((await self._connection.execute(whole)).scalars())
        return replace(shown, readable=models, whole=read_all)


def _relevant(share_id: str, ids: Collection[str]) -> Select[Any]:
    """Query of the changes of a share, and of models that are in it: by themselves, or with their schema."""
    single, whole, before = (share_objects.alias(each) for each in ("single", "whole", "before"))

    def of(objects: Any, kind: ShareObjectType, object_id: ColumnElement[str]) -> ColumnElement[bool]:
        return and_(objects.c.share_id == share_id, objects.c.type == kind, objects.c.object_id == object_id)

    return (
        select(
            changes,
            single.c.shared_schema.label("single_schema"),
            single.c.shared_name.label("single_name"),
            whole.c.shared_schema.label("whole_schema"),
            _replaced(share_id, whole, changes.c.model).label("replaced"),
            before.c.shared_schema.label("previous_whole_schema"),
            _replaced(share_id, before, changes.c.previous_model).label("previous_replaced"),
        )
        .select_from(changes)
        .outerjoin(single, of(single, ShareObjectType.MODEL, changes.c.model_id))
        .outerjoin(whole, of(whole, ShareObjectType.SCHEMA, changes.c.schema_id))
        .outerjoin(before, of(before, ShareObjectType.SCHEMA, changes.c.previous_schema_id))
        .where(
            or_(
                changes.c.share_id.in_(ids),
                and_(
                    changes.c.share_id == "",
                    or_(single.c.id.is_not(None), whole.c.id.is_not(None), before.c.id.is_not(None)),
                ),
            )
        )
        .order_by(changes.c.sequence)
    )


def _replaced(share_id: str, whole: Any, name: ColumnElement[str]) -> ColumnElement[bool]:
    """Condition that a single model of the share has the shared name that this one would have."""
    other = share_objects.alias()
    return exists().where(
        other.c.share_id == share_id,
        other.c.shared_schema == whole.c.shared_schema,
        other.c.shared_name == name,
    )


def _told(row: Any, shown: _Shown) -> Iterator[SharedChange]:
    """Changes of a share that a row stands for: none, one, or two for a model with two shared names."""
    kind = ChangeKind(row.kind)
    if row.share_id:
        if kind is not ChangeKind.MODEL_ADDED or not shown.limited or row.model_id in shown.readable:
            yield SharedChange(kind=kind, at=row.at, model=row.model)
        return
    if row.single_schema is not None:
        yield from _told_of_single(row, kind, shown)
    if row.whole_schema is not None or row.previous_whole_schema is not None:
        yield from _told_of_schema(row, kind, shown)


def _told_of_single(row: Any, kind: ChangeKind, shown: _Shown) -> Iterator[SharedChange]:
    """Change of a model that the share shows under a name of its own, wherever it is."""
    if row.sequence < shown.added.get(row.model_id, 0):
        return
    hidden = shown.limited and row.model_id not in shown.readable
    if kind is ChangeKind.MODEL_RENAMED:
        # It may have been moved to where the share's owner may not read it.
        kind = ChangeKind.MODEL_REMOVED if hidden else ChangeKind.MODEL_CHANGED
    if hidden and kind is not ChangeKind.MODEL_REMOVED:
        return
    yield _change(row, kind, f"{row.single_schema}.{row.single_name}")


def _told_of_schema(row: Any, kind: ChangeKind, shown: _Shown) -> Iterator[SharedChange]:
    """Change of a model that the share shows, or showed, with its whole schema."""
    name = previous = ""
    if row.whole_schema is not None and not row.replaced:
        name = f"{row.whole_schema}.{row.model}"
    if row.previous_whole_schema is not None and not row.previous_replaced:
        previous = f"{row.previous_whole_schema}.{row.previous_model}"
    if shown.hides_some_of(row.schema_id, row.previous_schema_id):
        if kind in (ChangeKind.MODEL_REMOVED, ChangeKind.MODEL_RENAMED):
            yield SharedChange(kind=ChangeKind.SHARE_CHANGED, at=row.at)
            return
        if shown.readable.get(row.model_id) != (row.schema_id, row.model):
            return
    if kind is not ChangeKind.MODEL_RENAMED or (name and previous):
        if name:
            yield _change(row, kind, name, previous)
    elif name:
        yield SharedChange(kind=ChangeKind.MODEL_ADDED, at=row.at, model=name)
    elif previous:
        yield SharedChange(kind=ChangeKind.MODEL_REMOVED, at=row.at, model=previous)


def _change(row: Any, kind: ChangeKind, name: str, previous: str = "") -> SharedChange:
    return SharedChange(
        kind=kind, at=row.at, model=name, previous_model=previous, version=row.version, alias=row.alias
    )


def _without_repetition(told: Iterable[SharedChange]) -> tuple[SharedChange, ...]:
    """Changes in which those of the share that follow each other are one: the last."""
    kept: list[SharedChange] = []
    for each in told:
        if kept and kept[-1].kind is each.kind is ChangeKind.SHARE_CHANGED:
            kept.pop()
        kept.append(each)
    return tuple(kept)
