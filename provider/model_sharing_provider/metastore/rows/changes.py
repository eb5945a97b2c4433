"""Rows of changes: recorded while a transaction goes on, and written at its end.

The rows of models, versions and shares record their changes themselves, so that none can be forgotten. The
sequence is counted up by one of the last statements of a transaction. Its lock on the row is held until the
commit, so the order of sequences is the order of commits: a reader that has seen one has seen all before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from secrets import randbelow
from uuid import uuid4

from sqlalchemy import ColumnElement, and_, bindparam, delete, exists, func, insert, or_, select, true, update

from model_sharing_protocol.change_kinds import ChangeKind
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.changes import EVERY_SHARE, Change
from model_sharing_provider.domain.principals import ALL_USERS, PrincipalType
from model_sharing_provider.domain.securables import VersionStatus
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import (
    changes,
    group_members,
    metastores,
    model_versions,
    principals,
    registered_models,
    shares,
)

MAX_ROWS = 100_000
MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000
_MIN_ROWS = 1000
"""Rows that are kept at any age, so that a burst after a quiet week does not end the feed of all readers."""
_DELETED_EVERY = 500
_DELETED_AT_ONCE = 2000
_MAX_PARAMETERS = 1000
"""Parameters of one statement: databases have a limit, and a transaction may change a whole catalog."""

_everybody = principals.alias("everybody")
_COUNT = update(metastores).values(
    change_token=bindparam("mark_of_change"),
    change_sequence=metastores.c.change_sequence + bindparam("added"),
)
_ADD = (
    insert(changes)
    .inline()  # nobody needs the key, which the database computes
    .values(
        sequence=select(metastores.c.change_sequence).scalar_subquery() - bindparam("behind"),
        **{column.name: bindparam(column.name) for column in changes.columns if column.name != "sequence"},
    )
)


class ChangeCounter:
    """Counter of the changes that this process wrote, which has to delete old ones now and then."""

    def __init__(self) -> None:
        # Processes that write a few changes and end have to delete some in their turn.
        self._number = randbelow(_DELETED_EVERY)

    def has_passed(self, step: int, added: int) -> bool:
        """Count changes; true if a multiple of `step` was reached."""
        before, self._number = self._number, self._number + added
        return before // step != self._number // step


class ChangeRows:
    """Changes of one transaction. Models and versions get their names when the changes are written."""

    def __init__(self, connection: Connection, counter: ChangeCounter) -> None:
        self._connection = connection
        self._counter = counter
        self._named: list[Change] = []
        # In the order of their first occurrence; the same change twice is one.
        self._recorded: dict[Change, None] = {}

    def record(self, change: Change) -> None:
        """Record a change; one with a model's id alone gets the model's name and schema."""
        self._recorded[change] = None

    def record_description(self, securable_id: str) -> None:
        """Record that the comment or the tags of a model or a version changed."""
        # As of a model: `_named` finds out which it is.
        self.record(Change(kind=ChangeKind.MODEL_CHANGED, model_id=securable_id))

    async def record_permissions(self, principal_id: str) -> None:
        """Record that a principal may read other models than before, if that matters to any share.

        Shares show what their owners may read. So it matters if it is a share's owner, or a group with one in
        it; administrators may read all.
        """
        await self._record_if(
            or_(
                principals.c.id == principal_id,
                exists().where(
                    group_members.c.group_id == principal_id, group_members.c.member_id == principals.c.id
                ),
                exists(
                    select(_everybody.c.id).where(
                        _everybody.c.id == principal_id, _everybody.c.name == ALL_USERS
                    )
                ),
            )
        )

    async def record_owner(self) -> None:
        """Record that a catalog, schema or model has another owner, if that matters to any share."""
        await self._record_if(true())

    async def _record_if(self, owner: ColumnElement[bool]) -> None:
        """Record a change of every share, if any share has an owner with limits that meets the condition."""
        query = select(shares.c.id).join_from(shares, principals, principals.c.name == shares.c.owner)
        query = query.where(principals.c.type != PrincipalType.ADMIN, owner).limit(1)
        if (await self._connection.execute(query)).first() is not None:
            self.record(Change(kind=ChangeKind.SHARE_CHANGED, share_id=EVERY_SHARE))

    async def name(self) -> None:
        """Look up the names of what was recorded: before `write`, which reads nothing."""
        self._named = await self._find_names()

    async def write(self) -> None:
        """Write what was recorded, and invalidate all caches: the end of a transaction that changes rows."""
        # Random rather than counted up: a restored database would count to the same again.
        mark, number = uuid4().hex, len(self._named)
        await self._connection.execute(_COUNT, {"mark_of_change": mark, "added": number})
        now = now_ms()
        rows = [
            {**asdict(change), "mark": mark, "at": now, "behind": number - place}
            for place, change in enumerate(self._named, 1)
        ]
        if rows:
            await self._connection.execute(_ADD, rows if number > 1 else rows[0])
        if self._counter.has_passed(_DELETED_EVERY, number):
            await self._delete_old(now)

    async def _find_names(self) -> list[Change]:
        """Recorded changes with the present names of their models; those of deleted models are left out."""
        ids = {each.model_id for each in self._recorded if each.model_id and not each.model}
        models: dict[str, tuple[str, str]] = {}
        for some in _batches(ids):
            models |= await self._models(some)
        versions: dict[str, Change] = {}
        for some in _batches(ids - models.keys()):
            versions |= await self._versions(some)
        named: dict[Change, None] = {}
        for each in self._recorded:
            if each.model or not each.model_id:
                named[each] = None
            elif each.model_id in models:
                schema_id, name = models[each.model_id]
                named[replace(each, schema_id=schema_id, model=name)] = None
            elif each.model_id in versions:
                described = versions[each.model_id]
                if replace(described, kind=ChangeKind.VERSION_ADDED) not in named:
                    named[described] = None
        return list(named)

    async def _models(self, ids: Collection[str]) -> dict[str, tuple[str, str]]:
        """Schema id and name of each existing model among `ids`."""
        columns = registered_models.c
        query = select(columns.id, columns.schema_id, columns.name).where(columns.id.in_(ids))
        return {row.id: (row.schema_id, row.name) for row in await self._connection.execute(query)}

    async def _versions(self, ids: Collection[str]) -> dict[str, Change]:
        """Change of each READY version among `ids`; recipients do not see others."""
        query = (
            select(
                model_versions.c.id,
                model_versions.c.version,
                registered_models.c.id.label("model_id"),
                registered_models.c.schema_id,
                registered_models.c.name,
            )
            .join_from(model_versions, registered_models)
            .where(model_versions.c.id.in_(ids), model_versions.c.status == VersionStatus.READY)
        )
        return {
            row.id: Change(
                kind=ChangeKind.VERSION_CHANGED,
                schema_id=row.schema_id,
                model_id=row.model_id,
                model=row.name,
                version=row.version,
            )
            for row in await self._connection.execute(query)
        }

    async def _delete_old(self, now: int) -> None:
        """Delete the oldest rows that are beyond the limits, a bounded number of them."""
        last = select(metastores.c.change_sequence).scalar_subquery()
        first = select(func.min(changes.c.sequence)).scalar_subquery()
        await self._connection.execute(
            delete(changes).where(
                changes.c.sequence < first + _DELETED_AT_ONCE,
                or_(
                    changes.c.sequence <= last - MAX_ROWS,
                    and_(changes.c.sequence <= last - _MIN_ROWS, changes.c.at < now - MAX_AGE_MS),
                ),
            )
        )


def _batches(ids: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), _MAX_PARAMETERS):
        yield ordered[start : start + _MAX_PARAMETERS]
