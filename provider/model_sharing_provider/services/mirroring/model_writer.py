"""Writer of mirrored models: makes the rows of one model what its provider shows.

What comes over the network is verified before a transaction begins. Two processes may write the same model at
the same time: each transaction looks at the rows again, and nothing older than what was seen is written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

from model_sharing_protocol.errors import InvalidState, MetastoreUnavailable, StaleAnswer
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.mirrors import Mirror, MirroredModel
from model_sharing_provider.domain.securables import ModelVersion, RegisteredModel, Schema, SecurableType
from model_sharing_provider.domain.upstreams import SignedTarget, UpstreamModel, UpstreamVersion
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.mirroring.signed_states import (
    SignedStates,
    ask_states,
    is_before,
    went_back,
)
from model_sharing_provider.services.mirroring.texts import (
    limited_aliases,
    limited_comment,
    limited_recall,
    limited_tags,
)
from model_sharing_provider.services.mirroring.upstream import UpstreamShareClient
from model_sharing_provider.services.mirroring.version_writer import (
    VerifiedVersion,
    VersionWriter,
    add_mirrored_version,
)
from model_sharing_provider.services.registry.removal import ArtifactCleaner, remove_model

_VERSIONS_AT_ONCE = 100


class ModelWriter:
    def __init__(self, versions: VersionWriter, cleaner: ArtifactCleaner) -> None:
        self._versions = versions
        self._cleaner = cleaner

    async def write(
        self,
        context: Context,
        mirror: Mirror,
        share: UpstreamShareClient,
        model: UpstreamModel,
        told: Collection[int | str] = (),
    ) -> None:
        """Make the rows of a model what the provider shows. Raises what the share raises.

        New versions appear first, then the rest in one transaction, so that aliases always have a target.
        `told` are the aliases and version numbers that the provider's feed tells of.
        Raises StaleAnswer for answers that are older than what was here before they were asked for.
        """
        async with context.read_unaudited() as rows:
            seen = await _find_known(rows, mirror, model)
            found = (await rows.models.by_ids([seen.model_id]))[seen.model_id] if seen else None
            known = (
                {each.version: each for each in await rows.versions.all_of_model(found.id)} if found else {}
            )
        if seen and _is_older(model, seen):
            model = await share.model(model.name)  # it was listed before another process saw a change
            if _is_older(model, seen):
                raise went_back(model.name)
        listed = {version.number: version for version in await share.versions(model.name)}
        new = [version for version in listed.values() if _is_new(version, known.get(version.number))]
        for batch in _batches(new, _VERSIONS_AT_ONCE):
            await self._add_versions(context, mirror, share, model, batch, seen=seen)
        aliases = found.aliases if found else {}
        states = await ask_states(share, model, listed, aliases=aliases, versions=known, told=told)
        if seen and states.is_before(seen):
            raise went_back(model.name)
        await self._write_rest(context, mirror, model, listed, states)

    async def remove(self, context: Context, mirror: Mirror, name: SharedName) -> None:
        """Remove a model that the provider does not show any more, and what was fetched of it."""
        versions: list[ModelVersion] = []
        async with sync_operation(context, mirror, name) as (operation, present):
            found = await operation.rows.models.find(_full_name(present, name))
            if found is not None:
                versions = await remove_model(operation, found)
        await self._cleaner.delete(versions)

    async def _add_versions(
        self,
        context: Context,
        mirror: Mirror,
        share: UpstreamShareClient,
        model: UpstreamModel,
        versions: Sequence[UpstreamVersion],
        *,
        seen: MirroredModel | None,
    ) -> None:
        verified = await self._versions.verify(share, model.name, versions)
        added: list[VerifiedVersion] = []
        try:
            if seen and is_before((version.state for version in verified), seen):
                raise went_back(model.name)
            async with sync_operation(context, mirror, model.name) as (operation, present):
                row, replaced = await _put_model(operation, present, model)
                known = {each.version: each for each in await operation.rows.versions.all_of_model(row.id)}
                for version in verified:
                    here = known.get(version.described.number)
                    if here is not None and here.digest == version.manifest.digest:
                        continue  # another process was faster
                    if here is not None:
                        await operation.rows.versions.delete(here)
                        replaced.append(here)
                    await add_mirrored_version(operation, present, model.name, row.id, version)
                    added.append(version)
        except MetastoreUnavailable:
            raise  # the rows may have been committed; garbage collection finds what no row needs
        except Exception:
            await self._versions.discard(verified)
            raise
        await self._versions.discard([version for version in verified if version not in added])
        await self._cleaner.delete(replaced)

    async def _write_rest(
        self,
        context: Context,
        mirror: Mirror,
        model: UpstreamModel,
        listed: Mapping[int, UpstreamVersion],
        states: SignedStates,
    ) -> None:
        gone: list[ModelVersion] = []
        async with sync_operation(context, mirror, model.name) as (operation, present):
            row, gone = await _put_model(operation, present, model)
            known = await operation.rows.mirrors.find_model(row.id) or MirroredModel(model_id=row.id)
            if _is_older(model, known) or states.is_before(known):
                return  # another process has seen a later state
            await _write_tags(operation, row.id, row.tags, limited_tags(model.tags))
            for version in await operation.rows.versions.all_of_model(row.id):
                if version.version not in listed:
                    await operation.rows.versions.delete(version)
                    gone.append(version)
                else:
                    signed = states.versions.get(version.version)
                    await _update_version(operation, version, listed[version.version], signed)
            known = await _write_aliases(operation, row, known, model, states.aliases)
            await operation.rows.mirrors.put_model(
                replace(known, upstream_id=model.id, updated_at=model.updated_at or 0)
            )
        await self._cleaner.delete(gone)


@asynccontextmanager
async def sync_operation(
    context: Context, mirror: Mirror, name: object = ""
) -> AsyncIterator[tuple[Operation, Mirror]]:
    """Transaction of the mirror below its catalog, logged as a sync, and the mirror as it is now.

    A sync takes minutes. The catalog may have another name or owner by now, and another catalog its name.
    Raises InvalidState if the catalog was deleted.
    """
    target = _sync_target(mirror, name)
    async with context.change(AuditAction.SYNC_CATALOG, target) as operation:
        operation.authorized_before()
        present = await operation.rows.mirrors.find(mirror.catalog_id)
        if present is None:
            raise InvalidState(f"The catalog {mirror.catalog!r} was deleted while it was brought up to date.")
        operation.target = _sync_target(present, name)
        yield operation, present


def _sync_target(mirror: Mirror, name: object) -> Target:
    return Target(SecurableType.CATALOG, mirror.catalog, f"{mirror.catalog}.{name}" if name else "")


async def put_schema(operation: Operation, mirror: Mirror, name: str) -> Schema:
    """Find a schema of the catalog, or add it."""
    full_name = FullName(mirror.catalog, name, "x").schema_name
    schema = await operation.rows.catalogs.find_schema(full_name)
    if schema is None:
        schema = Schema(
            id=str(uuid4()),
            full_name=full_name,
            owner=mirror.catalog_owner,
            created_at=operation.now,
            updated_at=operation.now,
            created_by=operation.principal.name,
            updated_by=operation.principal.name,
        )
        await operation.rows.catalogs.add_schema(schema, mirror.catalog_id)
    return schema


async def _find_known(rows: UnitOfWork, mirror: Mirror, model: UpstreamModel) -> MirroredModel | None:
    """Find what is known of a model: by the provider's id of it, or by name where that is no other's."""
    known = await rows.mirrors.find_by_upstream_id(mirror.catalog_id, model.id) if model.id else None
    if known is None:
        named = await rows.models.find(_full_name(mirror, model.name))
        known = await rows.mirrors.find_model(named.id) if named else None
        if known and known.upstream_id and model.id:
            return None
    return known


async def _put_model(
    operation: Operation, mirror: Mirror, model: UpstreamModel
) -> tuple[RegisteredModel, list[ModelVersion]]:
    """Find the row of a model under its present name, or rename or add it.

    Also return the versions of another model that had the name before, and was removed.
    """
    name, rows = _full_name(mirror, model.name), operation.rows
    removed: list[ModelVersion] = []
    known = await _find_known(rows, mirror, model)
    named = await rows.models.find(name)
    if named is not None and (known is None or known.model_id != named.id):
        removed, named = await remove_model(operation, named), None
    schema = await put_schema(operation, mirror, name.schema)
    comment = limited_comment(model.comment)
    if named is None and known is not None:
        named = (await rows.models.by_ids([known.model_id]))[known.model_id]
    if named is None:
        named = RegisteredModel(
            id=str(uuid4()),
            full_name=name,
            comment=comment,
            owner=mirror.catalog_owner,
            created_at=operation.now,
            updated_at=operation.now,
            created_by=operation.principal.name,
            updated_by=operation.principal.name,
        )
        await rows.models.add(named, schema.id)
        await rows.mirrors.put_model(MirroredModel(model_id=named.id, upstream_id=model.id))
    elif (named.full_name, named.comment) != (name, comment):
        named = replace(
            named,
            full_name=name,
            comment=comment,
            updated_at=operation.now,
            updated_by=operation.principal.name,
        )
        await rows.models.update(named, schema.id)
    return named, removed


async def _write_aliases(
    operation: Operation,
    row: RegisteredModel,
    known: MirroredModel,
    model: UpstreamModel,
    targets: Mapping[str, SignedTarget | None],
) -> MirroredModel:
    """Point aliases where the provider signed that they point; return the model with its latest state."""
    wanted = limited_aliases(model)
    for alias in row.aliases:
        if alias not in wanted:
            await operation.rows.models.delete_alias(row.id, alias)
    latest = known
    for alias, target in targets.items():
        if target is None:
            continue
        version = await operation.rows.versions.find(row.id, target.version)
        if version is not None and version.digest != target.digest:
            raise StaleAnswer(
                f"{model.name}@{alias} is signed as version {target.version} with the content "
                f"{target.digest}, but the files of this version are listed as {version.digest}. One of the "
                "answers is an old one."
            )
        if version is not None:
            await operation.rows.models.set_alias(row.id, alias, target.version)
        latest = replace(
            latest,
            sequence=max(latest.sequence, target.sequence),
            issued_at=max(latest.issued_at, target.issued_at),
        )
    return latest


async def _update_version(
    operation: Operation, version: ModelVersion, listed: UpstreamVersion, signed: SignedTarget | None
) -> None:
    comment, rows = limited_comment(listed.comment), operation.rows
    if comment != version.comment:
        await rows.versions.update(
            replace(version, comment=comment, updated_at=operation.now, updated_by=operation.principal.name)
        )
    if signed and (recall := limited_recall(signed.recall)) != version.recall:
        await rows.versions.recall(version, recall, operation.now, operation.principal.name)
    await _write_tags(operation, version.id, version.tags, limited_tags(listed.tags))


async def _write_tags(
    operation: Operation, securable_id: str, present: Mapping[str, str], wanted: Mapping[str, str]
) -> None:
    for key in present.keys() - wanted.keys():
        await operation.rows.models.delete_tag(securable_id, key)
    for key, value in wanted.items():
        if present.get(key) != value:
            await operation.rows.models.set_tag(securable_id, key, value)


def _is_new(version: UpstreamVersion, known: ModelVersion | None) -> bool:
    """True for a version that is not here, or is with other files."""
    return known is None or bool(version.digest and version.digest != known.digest)


def _is_older(model: UpstreamModel, known: MirroredModel) -> bool:
    """True for an answer from before the state that is known. Without ids it may be of another model."""
    same = bool(model.id) and model.id == known.upstream_id
    return same and model.updated_at is not None and model.updated_at < known.updated_at


def _full_name(mirror: Mirror, name: SharedName) -> FullName:
    return FullName(mirror.catalog, name.schema, name.name)


def _batches(versions: Sequence[UpstreamVersion], size: int) -> Iterator[Sequence[UpstreamVersion]]:
    for start in range(0, len(versions), size):
        yield versions[start : start + size]
