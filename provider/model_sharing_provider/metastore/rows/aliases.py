"""Rows of an alias that is pointed at a version, in three statements: many jobs do little else."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, bindparam, insert, select, update

from model_sharing_protocol.change_kinds import ChangeKind
from model_sharing_protocol.names import FullName
from model_sharing_protocol.recalls import Recall
from model_sharing_provider.domain.changes import Change
from model_sharing_provider.domain.securables import VersionStatus
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.rows.changes import ChangeRows
from model_sharing_provider.metastore.rows.timestamps import monotonic_timestamp
from model_sharing_provider.metastore.tables import (
    catalogs,
    model_aliases,
    model_versions,
    registered_models,
    schemas,
)

# Statements are built once, since building one takes as long as to execute it.
_TARGET = (
    select(
        registered_models.c.id,
        registered_models.c.schema_id,
        registered_models.c.name,
        model_aliases.c.alias,
        model_aliases.c.version,
        model_versions.c.status,
        model_versions.c.recalled_at,
        model_versions.c.recall_reason,
        model_versions.c.recall_replacement,
    )
    .join_from(registered_models, schemas)
    .join(catalogs)
    .outerjoin(model_aliases, model_aliases.c.model_id == registered_models.c.id)
    .outerjoin(
        model_versions,
        and_(
            model_versions.c.model_id == registered_models.c.id,
            model_versions.c.version == bindparam("number"),
        ),
    )
    .where(
        catalogs.c.name == bindparam("catalog"),
        schemas.c.name == bindparam("schema"),
        registered_models.c.name == bindparam("model"),
    )
)
_MOVE = (
    update(model_aliases)
    .where(model_aliases.c.model_id == bindparam("of_model"), model_aliases.c.alias_key == bindparam("key"))
    .values(alias=bindparam("spelling"), version=bindparam("number"))
)
_ADD = insert(model_aliases)
_TOUCH = (
    update(registered_models)
    .where(registered_models.c.id == bindparam("of_model"))
    .values(
        updated_at=monotonic_timestamp(registered_models.c.updated_at, bindparam("now")),
        updated_by=bindparam("author"),
    )
)


@dataclass(frozen=True, slots=True)
class AliasTarget:
    """Version that an alias is to point at, with its model's aliases; without a status if it is missing."""

    model_id: str
    schema_id: str
    model: str
    aliases: dict[str, int]
    version: int
    status: VersionStatus | None
    recall: Recall | None

    def find(self, alias: str) -> tuple[str, int] | None:
        """Spelling and version of the model's alias, or None."""
        key = alias.lower()
        return next((each for each in self.aliases.items() if each[0].lower() == key), None)


class AliasRows:
    def __init__(self, connection: Connection, changes: ChangeRows) -> None:
        self._connection = connection
        self._changes = changes

    async def find_target(self, name: FullName, version: int) -> AliasTarget | None:
        """Version of a model that an alias is to point at; None without the model."""
        parameters = {"catalog": name.catalog, "schema": name.schema, "model": name.name, "number": version}
        rows = (await self._connection.execute(_TARGET, parameters)).all()
        if not rows:
            return None
        first = rows[0]
        recall = None
        if first.recalled_at is not None:
            recall = Recall(first.recall_reason, first.recalled_at, first.recall_replacement)
        return AliasTarget(
            first.id,
            first.schema_id,
            first.name,
            {row.alias: row.version for row in rows if row.alias is not None},
            version,
            VersionStatus(first.status) if first.status else None,
            recall,
        )

    async def put(self, target: AliasTarget, alias: str, now: int, by: str) -> None:
        """Point an alias at its target, and create it or update its spelling."""
        before, key = target.find(alias), alias.lower()
        if before != (alias, target.version):
            self._changes.record(
                Change(
                    kind=ChangeKind.ALIAS_SET,
                    schema_id=target.schema_id,
                    model_id=target.model_id,
                    model=target.model,
                    version=target.version,
                    alias=alias,
                )
            )
        if before is None:
            added = {"model_id": target.model_id, "alias_key": key, "alias": alias, "version": target.version}
            await self._connection.execute(_ADD, added)
        elif before != (alias, target.version):
            moved = {"of_model": target.model_id, "key": key, "spelling": alias, "number": target.version}
            await self._connection.execute(_MOVE, moved)
        await self._connection.execute(_TOUCH, {"of_model": target.model_id, "now": now, "author": by})
