"""Fixtures of tests of the provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from model_sharing_provider.configuration.settings import Settings
from support.regions import Regions, running_regions


@pytest.fixture
async def regions(
    settings: Settings, started_home: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Regions]:
    """A provider, and this metastore with a catalog from its share; one that keeps nothing for `broker`."""
    broker = getattr(request, "param", "") == "broker"
    async with running_regions(settings, started_home, tmp_path, broker=broker) as running:
        yield running
