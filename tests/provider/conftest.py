"""Fixtures of tests of the provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from model_sharing_protocol.names import FullName
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.remote_providers import remote_share, remote_shares
from model_sharing_provider.services.mirroring import freshness
from support.admin_client import AdminClient
from support.asking_recipient import Globex, asking
from support.model_folder import write_model
from support.patience import PATIENCE
from support.regions import Regions, running_regions
from support.upstream_provider import UpstreamProvider, running_upstream

SOURCE = "prod.ml_team.scorer"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other providers have the time that a busy machine needs; that one cannot be reached is told at once."""
    monkeypatch.setattr(remote_shares, "PATIENCE_SECONDS", PATIENCE)
    monkeypatch.setattr(remote_shares, "FAILURE_SECONDS", 0)
    monkeypatch.setattr(remote_shares, "_RETRY_SECONDS", 0)
    monkeypatch.setattr(remote_share, "_ANSWER_SECONDS", PATIENCE)
    monkeypatch.setattr(freshness, "PATIENCE_SECONDS", PATIENCE)


@pytest.fixture
async def regions(
    settings: Settings, started_home: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Regions]:
    """A provider, and this metastore with a catalog from its share; one that keeps nothing for `broker`."""
    broker = getattr(request, "param", "") == "broker"
    async with running_regions(settings, started_home, tmp_path, broker=broker) as running:
        yield running


@pytest.fixture
async def upstream(tmp_path: Path, started_home: Path) -> AsyncIterator[UpstreamProvider]:
    """A provider with two versions of a model in the share `acme_share`."""
    async with running_upstream(tmp_path / "upstream", started_home) as running:
        admin = running.admin
        await admin.register(write_model(tmp_path / "first"), SOURCE, alias="Champion")
        await admin.register(write_model(tmp_path / "second", {"model.pkl": b"second"}), SOURCE)
        await admin.provider.shares.create(admin.context, "acme_share")
        await admin.provider.shares.add_model(admin.context, "acme_share", FullName.parse(SOURCE))
        yield running


@pytest.fixture
async def known_provider(admin: AdminClient, upstream: UpstreamProvider) -> UpstreamProvider:
    """The same, known here as the provider `acme`."""
    profile = await upstream.profile_for("us", "acme_share")
    await admin.provider.providers.create(admin.context, "acme", profile)
    return upstream


@pytest.fixture
async def vendor(admin: AdminClient, known_provider: UpstreamProvider) -> UpstreamProvider:
    """The same, with its share shown here as the catalog `vendor`."""
    await admin.provider.shared_catalogs.create(admin.context, "vendor", "acme", "acme_share")
    return known_provider


@pytest.fixture
async def globex(
    admin: AdminClient, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Globex]:
    """A recipient whose answer the server keeps."""
    async with asking(admin, endpoint, tmp_path, monkeypatch) as globex:
        yield globex


@pytest.fixture
async def elsewhere(admin: AdminClient, settings: Settings) -> AsyncIterator[AdminClient]:
    """The administrator at another server over the rows of `admin`."""
    async with open_provider(settings) as opened:
        yield AdminClient.of(opened)
