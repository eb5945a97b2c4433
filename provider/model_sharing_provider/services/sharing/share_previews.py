"""Previews of shares: for its owner, exactly the models that recipients of a share are shown."""

from __future__ import annotations

from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.sharing import SharedModel
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.sharing.recipient_view import models_of_share
from model_sharing_provider.services.sharing.shares import find_share, share_target


class SharePreviews:
    async def page(self, context: Context, share: str, page: PageRequest) -> Page[SharedModel]:
        """Page of the models that recipients see in a share, by what `RecipientView.list_models` reads.

        Raises NotFound, PermissionDenied.
        """
        async with context.view(AuditAction.PREVIEW_SHARE, share_target(share)) as operation:
            await operation.authorize(rules.OWN_SHARE)
            return await models_of_share(operation, await find_share(operation, share), None, page)
