"""Controls of shares and recipients are refused exactly when the service behind them denies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from model_sharing_protocol.errors import PermissionDenied
from model_sharing_protocol.names import SharedName
from model_sharing_provider.domain.recipient_limits import RecipientLimits
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.controls import CONTROLS
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.principals import change_owner, create_user

SHARE, RECIPIENT = SecurableType.SHARE, SecurableType.RECIPIENT
LIMITS = RecipientLimits(requests_per_minute=1)
COMMENT, OTHER = SecurableUpdate(comment="text"), SecurableUpdate(owner="other")
Call = Callable[[ProviderServices, Context], Awaitable[object]]

CALLS: dict[SecurableType, dict[str, Call]] = {
    SHARE: {
        "edit": lambda provider, context: provider.shares.update(context, "acme", changes=COMMENT),
        "add_location": lambda provider, context: provider.shares.add_volume(
            context, "acme", "file:///nowhere", SharedName("a", "b")
        ),
        "give": lambda provider, context: provider.shares.update(context, "acme", changes=OTHER),
        "grant": lambda provider, context: provider.share_permissions.revoke(context, "acme", "globex"),
        "delete": lambda provider, context: provider.shares.delete(context, "acme"),
    },
    RECIPIENT: {
        "edit": lambda provider, context: provider.recipients.update(context, "globex", COMMENT),
        "rotate": lambda provider, context: provider.recipients.rotate_token(
            context, "globex", existing_expires_in=timedelta(0)
        ),
        "limit": lambda provider, context: provider.recipients.update(
            context, "globex", COMMENT, limits=lambda _: LIMITS
        ),
        "delete": lambda provider, context: provider.recipients.delete(context, "globex"),
    },
}


def test_each_control_is_tried() -> None:
    for kind, calls in CALLS.items():
        assert calls.keys() == CONTROLS[kind].keys()


@pytest.mark.parametrize("owns", [True, False])
@pytest.mark.parametrize(
    ("kind", "control"), [(kind, name) for kind, calls in CALLS.items() for name in calls]
)
async def test_a_control_is_refused_as_its_call_is_denied(
    admin: AdminClient, kind: SecurableType, control: str, owns: bool
) -> None:
    await admin.share("acme", "globex")
    await create_user(admin, "other")
    ana = await create_user(admin, "ana")
    name = "acme" if kind is SHARE else "globex"
    if owns:
        await change_owner(admin, admin.context, kind, name, "ana")
    context = await ana.context()
    refusals = await admin.provider.permissions.refusals(context, kind, name)
    try:
        await CALLS[kind][control](admin.provider, context)
        denied = False
    except PermissionDenied:
        denied = True
    assert bool(refusals[control]) == denied, refusals
