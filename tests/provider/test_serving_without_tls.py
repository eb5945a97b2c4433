"""A provider warns when tokens would come to it over plain http from other machines."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.serving.sockets import bound_sockets, serves_in_clear
from support.processes.provider import ProviderProcess

EVERYWHERE = "0.0.0.0"


@pytest.mark.parametrize(
    ("host", "told", "in_clear"),
    [
        ("127.0.0.1", {}, False),
        ("localhost", {}, False),
        (EVERYWHERE, {}, True),
        ("", {}, True),
        (EVERYWHERE, {"tls_certificate": Path("c.pem")}, False),
        (EVERYWHERE, {"trusted_proxies": ("10.0.0.0/8",)}, False),
        (EVERYWHERE, {"public_url": "https://models.acme.example"}, False),
        (EVERYWHERE, {"public_url": "HTTPS://models.acme.example"}, False),
        (EVERYWHERE, {"public_url": "http://localhost:8642"}, True),
        ("127.0.0.1", {"public_url": "http://localhost:8642"}, False),
        ("127.0.0.1", {"public_url": "http://models.acme.example"}, True),
        ("127.0.0.1", {"public_url": "http://localhost.evil.example"}, True),
    ],
)
def test_in_clear_or_not(host: str, told: dict[str, Any], in_clear: bool) -> None:
    (sockets,) = bound_sockets(host, 0, 1)
    with contextlib.ExitStack() as stack:
        for each in sockets:
            stack.enter_context(each)
        assert serves_in_clear(replace(Settings(), host=host, **told), sockets) is in_clear


def test_it_is_one_line_on_standard_error(tmp_path: Path) -> None:
    public = {"MODEL_SHARING_PROVIDER_PUBLIC_URL": "http://models.acme.example"}
    with ProviderProcess(tmp_path / "a", environment=public, log=tmp_path / "log") as provider:
        (warning,) = [line for line in provider.said.splitlines() if "unencrypted" in line]
        assert warning.startswith("warning: tokens and models travel unencrypted")
        assert "--tls-certificate" in warning
    with ProviderProcess(tmp_path / "b", log=tmp_path / "quiet") as provider:
        assert "warning" not in provider.said
