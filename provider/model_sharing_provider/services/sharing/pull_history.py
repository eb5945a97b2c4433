"""Pull history: which recipients hold which versions, by the audit log, and whom a deletion would affect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from model_sharing_protocol.names import FullName, normalize_name
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.pull_history import AliasLag, DeletionImpact, VersionPull
from model_sharing_provider.domain.securables import SecurableType, VersionStatus
from model_sharing_provider.domain.sharing import DeletionScope, LastCall, ModelShare, ShareGrant
from model_sharing_provider.governance import rules
from model_sharing_provider.metastore.authorization.visibility import Viewer
from model_sharing_provider.services.context import Context, absent
from model_sharing_provider.services.registry.models import find_model, model_target
from model_sharing_provider.services.registry.versions import find_version, version_target
from model_sharing_provider.services.sharing.recipients import find_recipient
from model_sharing_provider.services.sharing.shares import find_share, share_target

RECENT = timedelta(days=90)
"""Time for which a pull is worth a warning before a deletion."""
_RECENT_MS = RECENT // timedelta(milliseconds=1)
_OWN = {
    SecurableType.CATALOG: rules.OWN_CATALOG,
    SecurableType.SCHEMA: rules.OWN_SCHEMA,
    SecurableType.MODEL: rules.OWN_MODEL,
}


class PullHistory:
    async def who_pulled(
        self, context: Context, name: FullName, number: int | None = None
    ) -> tuple[list[VersionPull], list[AliasLag]]:
        """Pulls of a model's versions or of one, latest first, and how far recipients are behind its aliases.

        Pulls are those in the audit log, as far as it goes back. Raises NotFound, PermissionDenied.
        """
        target = model_target(name) if number is None else version_target(name, number)
        async with context.view(AuditAction.LIST_REGISTERED_MODEL_PULLS, target) as operation:
            await operation.authorize(rules.AUDIT_MODEL)
            model = await find_model(operation, name)
            if number is not None:
                await find_version(operation, name, number)
            pulls = await operation.rows.pull_history.of_model(model.id)
            numbers = await operation.rows.versions.numbers(model.id, VersionStatus.READY)
        lags = _lags(pulls, model.aliases, numbers)
        return [each for each in pulls if number in (None, each.version)], lags

    async def scope_of_deletion(self, context: Context, kind: SecurableType, name: str) -> DeletionScope:
        """Scope of deleting a catalog, schema or model: what goes, and the shares that show it.

        Raises NotFound, PermissionDenied.
        """
        async with context.view(AuditAction.GET_DELETION_IMPACT, Target(kind, name)) as operation:
            await operation.authorize(_OWN[kind])
            place = (await operation.rows.effective_privileges.path(kind, name))[-1]
            if place.type is not kind:
                raise absent(kind, name)
            models, versions, size = await operation.rows.deletion_scope.count(place)
            shown = await operation.rows.deletion_scope.shares(place)
            viewer = Viewer.of(operation.principal)
            own = [each for each in shown if viewer.unrestricted or each[0].owner in viewer.names]
            ids = {share.id for share, _ in own}
            granted = await operation.rows.share_grants.of_shares(*ids)
            return DeletionScope(
                models=models,
                versions=versions,
                size=size,
                shares=tuple(_with_recipients(share.name, shared_as, granted) for share, shared_as in own),
                other_shares=len({share.id for share, _ in shown} - ids),
            )

    async def of_recipient(self, context: Context, name: str) -> list[VersionPull]:
        """Versions that a recipient pulled lately, by its newest thousand pulls, the latest first.

        Raises NotFound, PermissionDenied.
        """
        name = normalize_name("recipient", name)
        target = Target(SecurableType.RECIPIENT, name, recipient=name)
        async with context.view(AuditAction.LIST_REGISTERED_MODEL_PULLS, target) as operation:
            await operation.authorize(rules.OWN_RECIPIENT)
            recipient = await find_recipient(operation, name)
            # What was before is a deleted namesake's.
            since = max(operation.now - _RECENT_MS, recipient.created_at)
            return await operation.rows.pull_history.newest_of_recipient(name, since=since)

    async def last_pulls_in_share(
        self, context: Context, name: str, recipients: Sequence[str]
    ) -> dict[str, LastCall]:
        """Last pull of each of these recipients through a share. Raises NotFound, PermissionDenied."""
        async with context.view(AuditAction.LIST_REGISTERED_MODEL_PULLS, share_target(name)) as operation:
            await operation.authorize(rules.OWN_SHARE)
            share = await find_share(operation, name)
            found = await operation.rows.pull_history.last_calls(recipients, share.name)
            created = {each: (await find_recipient(operation, each)).created_at for each in found}
            return {each: call for each, call in found.items() if call.at >= created[each]}

    async def impact_of_model(
        self, context: Context, name: FullName, number: int | None = None
    ) -> DeletionImpact:
        """Impact of deleting a model, or one version. Raises NotFound, PermissionDenied."""
        target = model_target(name) if number is None else version_target(name, number)
        async with context.view(AuditAction.GET_DELETION_IMPACT, target) as operation:
            await operation.authorize(rules.OWN_MODEL)
            model = await find_model(operation, name)
            if number is not None:
                await find_version(operation, name, number)
            shown = await operation.rows.shares.containing(model, Viewer.of(operation.principal))
            granted = await operation.rows.share_grants.of_shares(*(share.id for share, _ in shown))
            since = operation.now - _RECENT_MS
            pulls = await operation.rows.pull_history.of_model(model.id, number, since=since)
            return _impact((grant.recipient for grant in granted), pulls)

    async def impact_of_share(
        self, context: Context, name: str, shared_as: str | None = None
    ) -> DeletionImpact:
        """Impact of deleting a share, or of removing an object from it. Raises NotFound, PermissionDenied."""
        async with context.view(AuditAction.GET_DELETION_IMPACT, share_target(name)) as operation:
            await operation.authorize(rules.OWN_SHARE)
            share = await find_share(operation, name)
            granted = await operation.rows.share_grants.of_shares(share.id)
            inside = shared_as.lower() if shared_as is not None else None
            since = operation.now - _RECENT_MS
            pulls = await operation.rows.pull_history.in_share(share.id, share.name, inside, since=since)
            return _impact((grant.recipient for grant in granted), pulls)

    async def impact_of_recipient(self, context: Context, name: str) -> DeletionImpact:
        """Impact of deleting a recipient. Raises NotFound, PermissionDenied."""
        name = normalize_name("recipient", name)
        target = Target(SecurableType.RECIPIENT, name, recipient=name)
        async with context.view(AuditAction.GET_DELETION_IMPACT, target) as operation:
            await operation.authorize(rules.OWN_RECIPIENT)
            recipient = await find_recipient(operation, name)
            since = operation.now - _RECENT_MS
            pulls = await operation.rows.pull_history.by_recipient(recipient.id, recipient.name, since=since)
            return _impact((recipient.name,), pulls)


def _with_recipients(share: str, shared_as: str, granted: Sequence[ShareGrant]) -> ModelShare:
    recipients = tuple(grant.recipient for grant in granted if grant.share == share)
    return ModelShare(share=share, shared_as=shared_as, recipients=recipients)


def _impact(recipients: Iterable[str], pulls: Sequence[VersionPull]) -> DeletionImpact:
    return DeletionImpact(recipients=tuple(sorted(set(recipients))), pulls=tuple(pulls))


def _lags(pulls: Sequence[VersionPull], aliases: Mapping[str, int], numbers: Sequence[int]) -> list[AliasLag]:
    """Lag of each recipient behind each alias, by the versions that it pulled."""
    held: dict[str, set[int]] = {}
    for pull in pulls:
        held.setdefault(pull.recipient, set()).add(pull.version)
    return [
        AliasLag(
            recipient=recipient,
            alias=alias,
            version=version,
            newest_pulled=max(own),
            behind=0 if version in own else sum(max(own) < each <= version for each in numbers),
        )
        for recipient, own in sorted(held.items())
        for alias, version in sorted(aliases.items())
    ]
