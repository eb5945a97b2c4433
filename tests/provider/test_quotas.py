"""Quotas: each is an error that says so, and what was there stays as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from model_sharing_protocol.errors import InvalidParameter, ResourceExhausted
from model_sharing_protocol.names import FullName
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.configuration.sources import read_settings
from model_sharing_provider.domain.quotas import Quotas
from model_sharing_provider.domain.sharing import ShareChange, ShareObjectType
from support.admin_client import AdminClient
from support.model_folder import write_model

pytestmark = pytest.mark.each_database


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[AdminClient]:
    """A provider with room for two of everything, and three models in one schema each."""
    settings = Settings(
        tmp_path / "home", max_shares=2, max_recipients=2, max_models_in_a_share=2, max_schemas_in_a_share=2
    )
    async with open_provider(settings) as provider:
        admin = AdminClient.of(provider)
        folder = write_model(tmp_path / "m")
        for name in ("a", "b", "c"):
            await admin.register(folder, f"prod.{name}.{name}")
        yield admin


async def test_a_third_share_and_a_third_recipient_are_refused(small: AdminClient) -> None:
    for name in ("one", "two"):
        await small.provider.shares.create(small.context, name)
        await small.provider.recipients.create(small.context, name)
    with pytest.raises(ResourceExhausted, match="3 shares; at most 2"):
        await small.provider.shares.create(small.context, "three")
    with pytest.raises(ResourceExhausted, match="3 recipients; at most 2"):
        await small.provider.recipients.create(small.context, "three")
    await small.provider.shares.delete(small.context, "one")
    await small.provider.shares.create(small.context, "three")


async def test_a_share_takes_so_many_models_and_so_many_schemas(small: AdminClient) -> None:
    shares = small.provider.shares
    await shares.create(small.context, "acme")
    for name in ("a", "b"):
        await shares.add_model(small.context, "acme", FullName.parse(f"prod.{name}.{name}"))
        await small.add_schema("acme", f"prod.{name}")
    with pytest.raises(ResourceExhausted, match="3 models in the share 'acme'"):
        await shares.add_model(small.context, "acme", FullName.parse("prod.c.c"))
    with pytest.raises(ResourceExhausted, match="3 schemas in the share 'acme'"):
        await small.add_schema("acme", "prod.c")
    swap = [
        ShareChange(False, ShareObjectType.MODEL, "prod.a.a"),
        ShareChange(True, ShareObjectType.MODEL, "prod.c.c"),
    ]
    _, objects = await shares.update(small.context, "acme", swap)
    assert [item.name for item in objects if item.type is ShareObjectType.MODEL] == ["prod.b.b", "prod.c.c"]


def test_quotas_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_MAX_MODELS_IN_A_SHARE", "7")
    assert read_settings().quotas == Quotas(models_in_a_share=7)
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_MAX_SHARES", "many")
    with pytest.raises(InvalidParameter, match="MODEL_SHARING_PROVIDER_MAX_SHARES is 'many'"):
        read_settings()
