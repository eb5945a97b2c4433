"""Rows of model versions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, case, delete, func, insert, literal, or_, select, tuple_, update

from model_sharing_protocol.change_kinds import ChangeKind
from model_sharing_protocol.names import parse_version
from model_sharing_protocol.pages import MAX_PAGE_SIZE, Page, PageRequest
from model_sharing_protocol.recalls import Recall
from model_sharing_provider.domain.changes import Change
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.metastore.authorization.visibility import Viewer, may_read_model
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.paging.keyset import (
    fetch_page,
    fit_page,
    weight_of,
    weight_of_tags,
)
from model_sharing_provider.metastore.rows.changes import ChangeRows
from model_sharing_provider.metastore.rows.complete_models import read_tags
from model_sharing_provider.metastore.rows.mapping import read_version, version_values
from model_sharing_provider.metastore.tables import (
    catalogs,
    lineage,
    model_aliases,
    model_versions,
    pulled_parts,
    registered_models,
    schemas,
    tags,
    upload_sessions,
    uploaded_files,
    uploaded_parts,
)


class VersionRows:
    def __init__(self, connection: Connection, changes: ChangeRows) -> None:
        self._connection = connection
        self._changes = changes

    async def next_number(self, model_id: str, at_least: int = 1) -> int:
        """Take the next number from the model's counter; numbers of deleted versions are not reused."""
        counter = registered_models.c.next_version
        row = await self._connection.execute(
            update(registered_models)
            .where(registered_models.c.id == model_id)
            .values(next_version=case((counter < at_least, at_least), else_=counter) + 1)
            .returning(registered_models.c.next_version)
        )
        return int(row.scalar_one()) - 1

    async def add(self, version: ModelVersion, create_request: str = "") -> None:
        await self._connection.execute(
            insert(model_versions).values(**version_values(version), create_request=create_request)
        )
        self._record(ChangeKind.VERSION_ADDED, version)

    def _record(self, kind: ChangeKind, version: ModelVersion) -> None:
        """Record a change of a version, unless recipients do not see it."""
        if version.status is VersionStatus.READY:
            self._changes.record(Change(kind=kind, model_id=version.model_id, version=version.version))

    async def find_replayed(self, model_id: str, create_request: str, since: int) -> int | None:
        """Number of an unused PENDING version that the same request made."""
        query = select(model_versions.c.version).where(
            model_versions.c.model_id == model_id,
            model_versions.c.create_request == create_request,
            model_versions.c.status == VersionStatus.PENDING_REGISTRATION,
            model_versions.c.created_at >= since,
        )
        return (await self._connection.execute(query)).scalars().first()

    async def end_replay(self, version_id: str) -> None:
        """Mark a version as used: from now on the same request creates another version."""
        await self._set(version_id, create_request="")

    async def begin_finalizing(self, version_id: str, now: int, stale_before: int) -> bool:
        """Take the right to finalize a PENDING version; False while another call has it."""
        result = await self._connection.execute(
            update(model_versions)
            .where(
                model_versions.c.id == version_id,
                model_versions.c.status == VersionStatus.PENDING_REGISTRATION,
                or_(model_versions.c.finalizing_at.is_(None), model_versions.c.finalizing_at < stale_before),
            )
            .values(finalizing_at=now)
            .returning(model_versions.c.id)
        )
        return result.first() is not None

    async def is_finalizing(self, version_id: str, stale_before: int) -> bool:
        query = select(model_versions.c.finalizing_at).where(model_versions.c.id == version_id)
        began = (await self._connection.execute(query)).scalar_one_or_none()
        return began is not None and began >= stale_before

    async def update(self, version: ModelVersion) -> None:
        """Write the values of a version; aliases and tags are written apart."""
        await self._set(version.id, **version_values(version))

    async def publish(self, version: ModelVersion) -> None:
        """Make a PENDING version READY, with the values from its files."""
        await self._set(
            version.id,
            **version_values(version),
            finalizing_at=None,
        )
        self._record(ChangeKind.VERSION_ADDED, version)

    async def stop_finalizing(self, version_id: str) -> None:
        """Release the right to finalize, so that it can be retried."""
        await self._set(version_id, finalizing_at=None)

    async def fail(self, version_id: str, reason: str, now: int, by: str) -> None:
        """Mark a version as failed; it keeps its number and the reason."""
        await self._set(
            version_id,
            status=VersionStatus.FAILED_REGISTRATION,
            status_message=reason,
            updated_at=now,
            updated_by=by,
            finalizing_at=None,
        )

    async def _set(self, version_id: str, **values: Any) -> None:
        await self._connection.execute(
            update(model_versions).where(model_versions.c.id == version_id).values(**values)
        )

    async def set_comment(self, version_id: str, comment: str, now: int, by: str) -> None:
        await self._set(version_id, comment=comment, updated_at=now, updated_by=by)
        self._changes.record_description(version_id)

    async def recall(self, version: ModelVersion, recall: Recall | None, now: int, by: str) -> None:
        """Recall a version; None lifts its recall."""
        await self._set(
            version.id,
            recalled_at=recall.at if recall else None,
            recall_reason=recall.reason if recall else "",
            recall_replacement=recall.replacement if recall else None,
            updated_at=now,
            updated_by=by,
        )
        self._record(ChangeKind.VERSION_RECALLED if recall else ChangeKind.VERSION_CHANGED, version)

    async def delete(self, version: ModelVersion) -> None:
        """Delete a version with its tags and the aliases that point at it; its number is not reused."""
        self._record(ChangeKind.VERSION_DELETED, version)
        unset = delete(model_aliases).where(
            model_aliases.c.model_id == version.model_id, model_aliases.c.version == version.version
        )
        for row in await self._connection.execute(unset.returning(model_aliases.c.alias)):
            self._changes.record(
                Change(kind=ChangeKind.ALIAS_DELETED, model_id=version.model_id, alias=row.alias)
            )
        await self._connection.execute(delete(tags).where(tags.c.securable_id == version.id))
        for table in (uploaded_files, uploaded_parts, upload_sessions, lineage, pulled_parts):
            await self._connection.execute(delete(table).where(table.c.version_id == version.id))
        await self._connection.execute(delete(model_versions).where(model_versions.c.id == version.id))

    async def find(self, model_id: str, version: int) -> ModelVersion | None:
        return await self._one(
            select_versions().where(
                model_versions.c.model_id == model_id, model_versions.c.version == version
            )
        )

    async def find_by_digest(self, model_id: str, digest: str, other_than: str = "") -> ModelVersion | None:
        """Newest READY version with this content, except the one with the id `other_than`."""
        query = select_versions().where(
            model_versions.c.model_id == model_id,
            model_versions.c.digest == digest,
            model_versions.c.status == VersionStatus.READY,
            model_versions.c.id != other_than,
        )
        return await self._one(query.order_by(model_versions.c.version.desc()).limit(1))

    async def find_by_id(self, version_id: str) -> ModelVersion | None:
        return await self._one(select_versions().where(model_versions.c.id == version_id))

    async def page(
        self, model_id: str, page: PageRequest, *, ready_only: bool, newest_first: bool = False
    ) -> Page[ModelVersion]:
        """Page of a model's versions, by number."""
        query = select_versions().where(model_versions.c.model_id == model_id)
        if ready_only:
            query = query.where(model_versions.c.status == VersionStatus.READY)
        found = await fetch_page(
            self._connection,
            query,
            model_versions.c.version,
            page,
            lambda row: read_version(row._mapping),
            key_of=lambda item: str(item.version),
            parse_key=parse_version,
            besides=weight_of_tags(model_versions.c.id),
            descending=newest_first,
        )
        return Page(await self._complete(found.items), found.last_key)

    async def page_of_run(self, run_id: str, page: PageRequest, viewer: Viewer) -> Page[ModelVersion]:
        """Page of the READY versions of a run, by id."""
        query = select_versions().where(
            model_versions.c.run_id == run_id,
            model_versions.c.status == VersionStatus.READY,
            may_read_model(viewer),
        )
        found = await fetch_page(
            self._connection,
            query,
            model_versions.c.id,
            page,
            lambda row: read_version(row._mapping),
            key_of=lambda item: item.id,
            besides=weight_of_tags(model_versions.c.id),
        )
        return Page(await self._complete(found.items), found.last_key)

    async def page_ready(self, page: PageRequest) -> Page[ModelVersion]:
        """Page of all READY versions of the metastore, by id, without aliases and tags."""
        query = select_versions().where(model_versions.c.status == VersionStatus.READY)
        return await fetch_page(
            self._connection,
            query,
            model_versions.c.id,
            page,
            lambda row: read_version(row._mapping),
            key_of=lambda item: item.id,
        )

    async def count_ready(self) -> tuple[int, int]:
        """Number and total bytes of the files of READY versions."""
        files, size = model_versions.c.num_files, model_versions.c.size
        query = select(func.coalesce(func.sum(files), 0), func.coalesce(func.sum(size), 0)).where(
            model_versions.c.status == VersionStatus.READY
        )
        row: Any = (await self._connection.execute(query)).one()
        return int(row[0]), int(row[1])

    async def numbers(self, model_id: str, status: VersionStatus) -> list[int]:
        """Numbers of a model's versions with this status."""
        query = select(model_versions.c.version).where(
            model_versions.c.model_id == model_id, model_versions.c.status == status
        )
        return list((await self._connection.execute(query)).scalars())

    async def statuses(self, version_ids: Collection[str]) -> dict[str, VersionStatus]:
        """Statuses of the existing ones among these versions, by id."""
        query = select(model_versions.c.id, model_versions.c.status).where(
            model_versions.c.id.in_(version_ids)
        )
        return {row.id: VersionStatus(row.status) for row in await self._connection.execute(query)}

    async def all_abandoned(self, before: int) -> list[ModelVersion]:
        """PENDING versions without an upload since a moment (epoch ms)."""
        rows = await self._connection.execute(_abandoned(before).order_by(model_versions.c.id))
        return [read_version(row._mapping) for row in rows]

    async def is_abandoned(self, version_id: str, before: int) -> bool:
        query = _abandoned(before).where(model_versions.c.id == version_id)
        return (await self._connection.execute(query)).first() is not None

    async def all_of_model(self, model_id: str) -> list[ModelVersion]:
        """All versions of a model, with any status."""
        query = (
            select_versions().where(model_versions.c.model_id == model_id).order_by(model_versions.c.version)
        )
        return await self._complete(
            [read_version(row._mapping) for row in await self._connection.execute(query)]
        )

    async def batches_ready(self, model_ids: Sequence[str]) -> AsyncIterator[list[ModelVersion]]:
        """READY versions of these models in batches of at most a page, without aliases and tags.

        They are ordered by model id and number.
        """
        place = tuple_(model_versions.c.model_id, model_versions.c.version)
        query = select_versions().where(
            model_versions.c.model_id.in_(model_ids), model_versions.c.status == VersionStatus.READY
        )
        query = query.order_by(model_versions.c.model_id, model_versions.c.version)
        weight = weight_of(query.selected_columns)
        while True:
            weighing = query.with_only_columns(weight).limit(MAX_PAGE_SIZE)
            weights = (await self._connection.execute(weighing)).scalars().all()
            if not weights:
                return
            rows = await self._connection.execute(
                query.limit(len(fit_page(Page(weights), weights, str).items))
            )
            versions = [read_version(row._mapping) for row in rows]
            yield versions
            last = versions[-1]
            query = query.where(place > tuple_(literal(last.model_id), literal(last.version)))

    async def _one(self, query: Select[Any]) -> ModelVersion | None:
        row = (await self._connection.execute(query)).one_or_none()
        return (await self._complete([read_version(row._mapping)]))[0] if row else None

    async def _complete(self, versions: Sequence[ModelVersion]) -> list[ModelVersion]:
        """Add aliases and tags to versions, in two reads."""
        if not versions:
            return []
        aliases: dict[tuple[str, int], list[str]] = defaultdict(list)
        model_ids = {version.model_id for version in versions}
        query = select(model_aliases).where(model_aliases.c.model_id.in_(model_ids))
        for row in await self._connection.execute(
            query.order_by(model_aliases.c.model_id, model_aliases.c.alias_key)
        ):
            aliases[row.model_id, row.version].append(row.alias)
        tagged = await read_tags(self._connection, [version.id for version in versions])
        return [
            replace(
                version, aliases=tuple(aliases[version.model_id, version.version]), tags=tagged[version.id]
            )
            for version in versions
        ]


def select_versions() -> Select[Any]:
    """Query of versions with their full names, as `read_version` takes its rows."""
    return (
        select(
            model_versions,
            registered_models.c.name,
            schemas.c.name.label("schema_name"),
            catalogs.c.name.label("catalog_name"),
        )
        .join_from(model_versions, registered_models)
        .join(schemas)
        .join(catalogs)
    )


def _abandoned(before: int) -> Select[Any]:
    uploaded_since = (
        select(uploaded_files.c.version_id)
        .where(uploaded_files.c.version_id == model_versions.c.id, uploaded_files.c.uploaded_at >= before)
        .exists()
    )
    return select_versions().where(
        model_versions.c.status == VersionStatus.PENDING_REGISTRATION,
        model_versions.c.created_at < before,
        model_versions.c.updated_at < before,
        func.coalesce(model_versions.c.finalizing_at, 0) < before,
        ~uploaded_since,
    )
