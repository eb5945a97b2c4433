"""Limits of recipients as they are set and shown: by command, over REST, in the explorer."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.errors import InvalidParameter, PermissionDenied
from model_sharing_protocol.times import now_ms
from model_sharing_protocol.unity_catalog import PREFIX
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.recipient_limits import Claim, LimitPeriod, RecipientLimits
from model_sharing_provider.services.registry.updates import NO_CHANGE, SecurableUpdate
from support.admin_client import AdminClient
from support.principals import create_user
from support.provider_cli import CliRunner

pytestmark = pytest.mark.each_database


async def limits(admin: AdminClient) -> RecipientLimits:
    return (await admin.provider.recipients.get(admin.context, "globex"))[0].limits


async def test_over_rest(settings: Settings, admin: AdminClient, server: TestServer) -> None:
    await admin.provider.recipients.create(admin.context, "globex")
    headers = {"Authorization": f"Bearer {settings.admin_token_path.read_text()}"}
    url = server.make_url(f"{PREFIX}/recipients/globex")
    async with aiohttp.ClientSession(headers=headers) as session:

        async def patch(body: dict[str, object]) -> tuple[int, object]:
            async with session.patch(url, json=body) as answer:
                return answer.status, (await answer.json()).get("limits")

        given = {"requests_per_minute": 600, "bytes_per_day": 2 * 10**12}
        assert await patch({"limits": given}) == (200, given)
        assert await patch({"comment": "text"}) == (200, given)
        assert await limits(admin) == RecipientLimits(600, 2 * 10**12, None)
        assert await patch({"limits": {"bytes_per_month": 0}}) == (200, {"bytes_per_month": 0})
        assert await patch({"limits": {}}) == (200, None)
        for wrong in (-1, 2**61, "many"):
            assert (await patch({"limits": {"bytes_per_day": wrong}}))[0] == 400
        assert await limits(admin) == RecipientLimits()


async def test_only_administrators_set_them(admin: AdminClient) -> None:
    ada = await create_user(admin, "ada")
    await admin.provider.recipients.create(admin.context, "globex")
    recipients = admin.provider.recipients
    await recipients.update(admin.context, "globex", SecurableUpdate(owner="ada"))
    owner = await ada.context()
    await recipients.update(owner, "globex", SecurableUpdate(comment="text"))
    with pytest.raises(PermissionDenied):
        await recipients.update(owner, "globex", NO_CHANGE, None, lambda _: RecipientLimits(0, 0, 0))
    with pytest.raises(InvalidParameter, match="is not a limit"):
        await recipients.update(admin.context, "globex", NO_CHANGE, None, lambda _: RecipientLimits(-1))
    assert await limits(admin) == RecipientLimits()


async def test_a_deleted_recipient_leaves_no_usage(admin: AdminClient) -> None:
    recipient, _ = await admin.provider.recipients.create(admin.context, "globex")
    database = admin.provider.database

    day = LimitPeriod.DAY.at(now_ms())
    await database.issue_to_recipient(recipient.id, "version", day, [Claim(day, 5, 10)])
    assert await database.used_of_limits(recipient.id, now_ms()) == {LimitPeriod.DAY: 5}
    await admin.provider.recipients.delete(admin.context, "globex")
    assert await database.used_of_limits(recipient.id, now_ms()) == {}


def test_by_command(provider_cli: CliRunner) -> None:
    provider_cli.succeed("recipient", "create", "globex")

    def shown() -> dict[str, int]:
        found: dict[str, int] = provider_cli.succeed("recipient", "show", "globex", "--output", "json").json[
            "limits"
        ]
        return found

    update = ("recipient", "update", "globex")
    provider_cli.succeed(*update, "--max-bytes-per-day", "2TB", "--max-requests-per-minute", "600")
    assert (shown()["max_bytes_per_day"], shown()["max_requests_per_minute"]) == (2 * 10**12, 600)
    assert shown()["max_bytes_per_month"] == 0
    provider_cli.succeed(*update, "--max-bytes-per-day", "default")
    assert (shown()["max_bytes_per_day"], shown()["max_requests_per_minute"]) == (0, 600)
    assert "max_requests_per_minute" in provider_cli.succeed("recipient", "show", "globex").out
    assert provider_cli(*update, "--max-requests-per-minute", "-1").code == 2
    assert provider_cli(*update).code == 2
