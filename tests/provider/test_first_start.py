"""First start of a provider: settings that cannot be used are named, and a home may have any name."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.configuration.sources import read_settings


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MODEL_SHARING_PROVIDER_PUBLIC_URL", "ftp://x"),
        ("MODEL_SHARING_PROVIDER_PUBLIC_URL", "http://[bad"),
        ("MODEL_SHARING_PROVIDER_PUBLIC_URL", "vendor.example"),
        ("MODEL_SHARING_PROVIDER_LOG", "loud"),
        ("MODEL_SHARING_PROVIDER_HOME", "/srv/what?"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidParameter, match=variable):
        read_settings()


async def test_a_home_may_have_any_other_name(tmp_path: Path) -> None:
    home = tmp_path / "models & co. 100% #1 é"
    for _ in range(2):
        async with open_provider(Settings(home)):
            assert sorted(path.name for path in tmp_path.iterdir()) == [home.name]
