"""Catalogs from shares that cannot be: a clear error on each face, and nothing that was half made."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from databricks.sdk.errors.base import DatabricksError

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.mirrors import MirrorState
from model_sharing_provider.remote_providers import remote_shares
from support.admin_client import AdminClient
from support.databricks_sdk import ask, workspace_client
from support.fake_provider.faults import always
from support.fake_provider.models import SHARE
from support.fake_provider.server import TOKEN, FakeProvider, Handler
from support.fake_upstream import files, know, source_of, until
from support.model_folder import write_model
from support.network.fault_proxy import FaultProxy
from support.provider_cli import CliRunner

PAGE = PageRequest()
UNREACHABLE = "The shares of the provider cannot be listed"


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        running.publish("ml_team.scorer", 1, files(b"first"), "Champion")
        yield running


def refuse_token(fake: FakeProvider) -> None:
    fake.answer = always(
        lambda handler: handler.send_error_answer(401, "UNAUTHENTICATED", "It is not known.")
    )


def drip(fake: FakeProvider) -> None:
    def slowly(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(30):
            handler.wfile.write(b" ")
            time.sleep(0.1)

    fake.answer = always(slowly)


def on(part: str, send: Callable[[Handler], object]) -> Callable[[FakeProvider], None]:
    """Answer the requests with `part` in their path by something else."""

    def spoil(fake: FakeProvider) -> None:
        def answer(handler: Handler) -> bool:
            if part in handler.path:
                send(handler)
                return True
            return False

        fake.answer = answer

    return spoil


def sign_other_files(fake: FakeProvider) -> None:
    def edit(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines[-1]["file"]["sha256"] = "0" * 64
        return lines

    fake.edit_query = edit


def share_nothing(fake: FakeProvider) -> None:
    fake.shares = ["another"]


def go_away(fake: FakeProvider) -> None:
    fake.stop()


PAST: dict[str, object] = {"expirationTime": "2020-01-01T00:00:00Z"}
BAD: dict[str, tuple[Callable[[FakeProvider], None], dict[str, object], str]] = {
    "expired": (refuse_token, PAST, r"expired at 2020-01-01"),
    "revoked": (refuse_token, {}, r"does not accept the token"),
    "no server": (go_away, {}, UNREACHABLE),
    "no sharing server": (on("", lambda each: each.send(200, b"<html>", "text/html")), {}, UNREACHABLE),
    "nothing there": (on("", lambda each: each.send(404, b"<html>", "text/html")), {}, UNREACHABLE),
    "redirect": (on("", lambda each: each.send(302, b"", Location="http://10.0.0.1/")), {}, UNREACHABLE),
    "slow drip": (drip, {}, UNREACHABLE),
    "not granted": (share_nothing, {}, r"shares nothing called 'acme_share' .*It shares: another"),
    "no keys": (on("/keys", lambda each: each.send_error_answer(404, "X", "none")), {}, r"lists none"),
    "other files": (sign_other_files, {}, r"does not match its digest"),
    "nonsense later": (on("/versions", lambda each: each.send(200, b"{")), {}, r"not an OpenSharing message"),
    "gone later": (on("/all-models", lambda each: each.send(503, b"")), {}, r"busy or down"),
}  # fmt: skip


@pytest.fixture(params=BAD)
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One of them; only the answer that does not end has to wait until it is given up."""
    name: str = request.param
    if name == "slow drip":
        monkeypatch.setattr(remote_shares, "PATIENCE_SECONDS", 0.5)
    return name


async def check_that_nothing_is_left(admin: AdminClient, home: Path) -> None:
    assert not (await admin.provider.catalogs.page(admin.context, PAGE)).items
    assert not [path for path in (home / "artifacts").rglob("*") if path.is_file()]
    await admin.provider.providers.delete(admin.context, "acme")


async def test_by_rest_it_is_a_clear_error_and_nothing_is_left(
    admin: AdminClient, fake: FakeProvider, server: TestServer, settings: Settings, case: str
) -> None:
    spoil, profile, said = BAD[case]
    await know(admin, fake, **profile)
    spoil(fake)
    workspace = await workspace_client(server, settings.admin_token_path.read_text())
    with pytest.raises(DatabricksError, match=said) as raised:
        await ask(workspace.catalogs.create, "vendor", provider_name="acme", share_name=SHARE)
    assert TOKEN not in str(raised.value)
    await check_that_nothing_is_left(admin, settings.home)


def test_on_the_command_line_it_is_a_clear_error_and_nothing_is_left(
    fake: FakeProvider,
    provider_cli: CliRunner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    case: str,
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_ALLOWED_PROVIDER_NETWORKS", "127.0.0.0/8")
    spoil, profile, said = BAD[case]
    (tmp_path / "acme.share").write_bytes(fake.profile(**profile))
    provider_cli.succeed("provider", "create", "acme", "--profile", str(tmp_path / "acme.share"))
    spoil(fake)
    done = provider_cli("catalog", "create", "vendor", "--provider", "acme", "--share", SHARE)
    assert done.code not in (0, 70)
    assert re.search(said, " ".join(done.err.split()))
    assert TOKEN not in done.out + done.err
    assert "Traceback" not in done.err
    assert provider_cli.succeed("catalog", "list", "--output", "json").json == []


async def test_this_metastore_itself_is_found_out_at_any_address(
    admin: AdminClient, server: TestServer, settings: Settings, tmp_path: Path
) -> None:
    """By its keys: the address is another name of this machine, behind which a proxy may be, too."""
    await admin.register(write_model(tmp_path / "own"), "prod.ml_team.own")
    code = await admin.share("mine", "myself", "prod.ml_team.own")
    with FaultProxy(server.port or 0) as proxy:
        profile = await admin.activate(code, f"http://localhost:{proxy.port}{PREFIX}")
        await admin.provider.providers.create(admin.context, "acme", profile.to_json().decode())
        workspace = await workspace_client(server, settings.admin_token_path.read_text())
        with pytest.raises(DatabricksError, match="is this metastore itself"):
            await ask(workspace.catalogs.create, "loop", provider_name="acme", share_name="mine")


async def test_a_first_sync_that_fails_when_nobody_waits_is_a_state(
    admin: AdminClient, fake: FakeProvider
) -> None:
    await know(admin, fake)

    def answer(handler: Handler) -> bool:
        if "/versions?" not in handler.path:
            return False
        time.sleep(1)
        handler.send(200, b"nonsense")
        return True

    fake.answer = answer
    await admin.provider.shared_catalogs.create(admin.context, "vendor", "acme", SHARE, patience_seconds=0.3)
    assert (await source_of(admin)).state is MirrorState.SYNCING
    await until(admin, MirrorState.INVALID_ANSWERS)
    fake.answer = None
    await admin.provider.shared_catalogs.sync(admin.context, "vendor")
    assert (await source_of(admin)).state is MirrorState.ACTIVE
