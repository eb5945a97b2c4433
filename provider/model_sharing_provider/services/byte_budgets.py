"""Byte budgets of calls: what one recipient may still be given, and one event when that is used up."""

from __future__ import annotations

from dataclasses import dataclass

from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.recipient_budgets import LimitReached, RecipientBudgets


@dataclass(frozen=True, slots=True)
class ByteBudget:
    """Budget of a recipient, within a call. Every method but `refund` raises LimitReached."""

    budgets: RecipientBudgets
    context: Context
    holder: Principal

    async def spend(self, size: int) -> None:
        """Count bytes that are about to be sent by this server."""
        try:
            await self.budgets.spend_bytes(self.holder, size)
        except LimitReached as error:
            await record_limit(self.context, self.holder, error)
            raise

    def refund(self, size: int) -> None:
        """Take back bytes that were counted and not sent."""
        self.budgets.refund_bytes(self.holder, size)

    async def spend_issue(self, subject: str, size: int) -> None:
        """Count the size of what URLs of a bucket or CDN are issued for, once a day."""
        try:
            await self.budgets.spend_issue(self.holder, subject, size)
        except LimitReached as error:
            await record_limit(self.context, self.holder, error)
            raise


async def record_limit(context: Context, holder: Principal, error: LimitReached) -> None:
    """Record that a recipient reached a limit: once in its period, at whichever server."""
    if error.first:
        target = Target(SecurableType.RECIPIENT, holder.name, recipient=holder.name)
        await context.record_denial(AuditAction.REACH_RECIPIENT_LIMIT, target, error.message)
