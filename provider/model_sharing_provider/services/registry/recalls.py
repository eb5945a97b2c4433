"""Recalls of versions, and what they mean to the metastore's own principals.

A recalled version stays, with its number and its files, and is shown with the reason. It has no alias, and
its files are refused to all but the model's owner, who may have to find out what is wrong with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from model_sharing_protocol.errors import InvalidParameter, InvalidState
from model_sharing_protocol.names import FullName
from model_sharing_protocol.recalls import Recall, recalled_error
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.limits import MAX_RECALL_REASON, check_text
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.registry.models import model_target, point_alias
from model_sharing_provider.services.registry.versions import find_version, version_target

WARN, DROP = "warn", "drop"


@dataclass(frozen=True, slots=True)
class RecallPolicy:
    """Policy on the files of recalled versions, for the metastore's own principals: `refuse` or `warn`.

    With `drop`, files that a shared catalog has fetched are deleted, too; for principals that is `refuse`.
    """

    word: str

    @property
    def drops(self) -> bool:
        """True if fetched files of recalled versions are to be deleted."""
        return self.word == DROP

    async def check(self, operation: Operation, version: ModelVersion) -> None:
        """Check that the caller may have the files of a version.

        Raises VersionRecalled for a recalled one, unless the policy only warns, or the caller owns the model.
        In a shared catalog nobody does: the owner is at the provider.
        """
        recall = version.recall
        if recall is None or self.word == WARN:
            return
        shared = version.full_name.catalog in await operation.rows.registry_reads.mirrors()
        if shared or not await operation.holds(rules.OWN_MODEL, model_target(version.full_name)):
            raise recalled_error(str(version.full_name), version.version, recall)

    def ends_transfer(self, opened: ModelVersion, now: ModelVersion | None) -> bool:
        """True if a transfer that was begun before a recall must end; whoever may go on asks again."""
        return self.word != WARN and now is not None and now.recalled_at != opened.recalled_at


class Recalls:
    async def recall(
        self, context: Context, name: FullName, number: int, reason: str, replacement: int | None = None
    ) -> ModelVersion:
        """Recall a READY version; its aliases move to the version that replaces it, which must be READY.

        A second call gives another reason or replacement. Raises NotFound, PermissionDenied,
        InvalidParameter, and InvalidState for a version that cannot be recalled, or has aliases without a
        replacement to move to.
        """
        if not reason.strip():
            raise InvalidParameter("The reason of a recall is empty; those who use the version will read it.")
        check_text("reason", reason, MAX_RECALL_REASON)
        async with context.change(
            AuditAction.RECALL_MODEL_VERSION, version_target(name, number), model=name
        ) as operation:
            await operation.authorize(rules.OWN_MODEL)
            version = await find_version(operation, name, number)
            if version.status is not VersionStatus.READY:
                raise InvalidState(
                    f"Version {number} of '{name}' is {version.status}; only READY ones can be recalled."
                )
            if replacement is not None:
                await _check_replacement(operation, version, replacement)
            await _move_aliases(operation, version, replacement)
            at = version.recalled_at or operation.now
            recall = Recall(reason, at, replacement)
            await operation.rows.versions.recall(version, recall, operation.now, operation.principal.name)
            await operation.rows.models.touch(version.model_id, operation.now, operation.principal.name)
            return await find_version(operation, name, number)

    async def lift(self, context: Context, name: FullName, number: int) -> ModelVersion:
        """Lift the recall of a version; its former aliases stay where they are.

        Nothing happens to a version that is not recalled. Raises NotFound, PermissionDenied.
        """
        async with context.change(
            AuditAction.LIFT_MODEL_VERSION_RECALL, version_target(name, number), model=name
        ) as operation:
            await operation.authorize(rules.OWN_MODEL)
            version = await find_version(operation, name, number)
            if version.recall is not None:
                await operation.rows.versions.recall(version, None, operation.now, operation.principal.name)
                await operation.rows.models.touch(version.model_id, operation.now, operation.principal.name)
            return await find_version(operation, name, number)


async def _check_replacement(operation: Operation, version: ModelVersion, replacement: int) -> None:
    name = version.full_name
    if replacement == version.version:
        raise InvalidParameter(f"Version {replacement} cannot replace itself; name another version.")
    found = await find_version(operation, name, replacement)
    if found.status is not VersionStatus.READY or found.recall is not None:
        state = "recalled itself" if found.recall else str(found.status)
        raise InvalidState(
            f"Version {replacement} of '{name}' is {state}; name one that is READY and not recalled."
        )


async def _move_aliases(operation: Operation, version: ModelVersion, replacement: int | None) -> None:
    if version.aliases and replacement is None:
        raise InvalidState(
            f"Version {version.version} of '{version.full_name}' is what {', '.join(version.aliases)} "
            "points at; name a version that replaces it, or move the aliases first."
        )
    for alias in version.aliases:
        await point_alias(operation, version.full_name, alias, replacement or 0)
