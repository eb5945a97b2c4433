"""Activation page: what a link offers, the profile file once, and a page for each reason that it does not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp.pytest_plugin import AiohttpServer
from aiohttp.test_utils import TestServer
from yarl import URL

from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.profile import parse_profile
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.faces.explorer import activation
from model_sharing_provider.services.registry.updates import NO_CHANGE
from model_sharing_provider.services.sharing import activation_links
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient, ExplorerPage
from support.model_folder import write_model

pytestmark = pytest.mark.each_database

_BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}


async def download(page: ExplorerPage) -> tuple[int, bytes, dict[str, str]]:
    """Press the page's button: status, body and headers."""
    form = page.form("Download the profile file")
    async with page.client.session.post(page.url.join(URL(str(form["action"]))), headers=_BROWSER) as answer:
        return answer.status, await answer.read(), dict(answer.headers)


async def test_a_link_is_looked_at_and_used_once(
    admin: AdminClient, stranger: ExplorerClient, endpoint: str, tmp_path: Path
) -> None:
    for name in ("prod.ml_team.scorer", "prod.llm.tiny", "prod.llm.small"):
        await admin.register(write_model(tmp_path / name), name)
    code = await admin.share("acme_share", "globex", "prod.ml_team.scorer")
    await admin.add_schema("acme_share", "prod.llm")
    page = await stranger.open(f"/explorer/activate/{code}")
    assert (page.status, page.title) == (200, "Models are shared with you")
    (key,) = await admin.provider.signing.list_keys(admin.context)
    fingerprint = PublicKey.parse(key.pem).fingerprint
    for said in ("Recipient globex", "acme_share · 3 models", fingerprint, "in 2 months"):
        assert said in page.text
    assert f"model-sharing mount config.share acme_share --key-fingerprint {fingerprint}" in page.text
    assert "model-sharing list acme_share" in page.text
    assert 'load_model("models:/acme_share.' in page.text

    status, body, headers = await download(page)
    assert (status, headers["Content-Disposition"]) == (200, 'attachment; filename="config.share"')
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    profile = parse_profile(body)
    assert profile.endpoint == endpoint
    assert (
        await admin.provider.recipients.authenticate(admin.context, profile.bearer_token)
    ).name == "globex"

    status, body, _ = await download(page)
    assert (status, b"This link was used" in body, b"just now" in body) == (410, True, True)
    again = await stranger.open(f"/explorer/activate/{code}")
    assert (again.status, again.title) == (410, "This link was used")
    assert "acme_share" not in again.text, "a link that is used up tells of no share any more"
    assert "recipient rotate-token globex --existing-expires-in 0" in again.text


async def test_a_large_share_is_not_counted_to_the_end(
    admin: AdminClient, stranger: ExplorerClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for module in (activation, activation_links):
        monkeypatch.setattr(module, "MODELS_COUNTED", 2)
    for name in ("a", "b", "c"):
        await admin.register(write_model(tmp_path / name), f"prod.llm.{name}")
    code = await admin.share("acme_share", "globex", "prod.llm.a")
    await admin.add_schema("acme_share", "prod.llm")
    assert "acme_share · more than 2 models" in (await stranger.open(f"/explorer/activate/{code}")).text


async def test_a_link_that_has_expired_says_when(admin: AdminClient, stranger: ExplorerClient) -> None:
    _, code = await admin.provider.recipients.create(
        admin.context, "globex", lifetime=timedelta(milliseconds=1)
    )
    page = await stranger.open(f"/explorer/activate/{code}")
    assert (page.status, page.title) == (410, "This link has expired")
    assert "It expired just now , at 20" in page.text
    page = await stranger.post(f"/explorer/activate/{code}", [])
    assert (page.status, page.title) == (410, "This link has expired")


async def test_an_unknown_link_is_not_explained_further(stranger: ExplorerClient) -> None:
    for path in ("nonsense", "x" * 43, "%3Cscript%3E", "x" * 4000, "a/b", "%00", "x/"):
        for page in (
            await stranger.open(f"/explorer/activate/{path}"),
            await stranger.post(f"/explorer/activate/{path}", []),
        ):
            assert (page.status, page.title) == (404, "This link is not known here"), path
            assert "<script>" not in str(page.soup)


async def test_a_link_is_good_in_the_networks_of_its_recipient_only(
    admin: AdminClient, stranger: ExplorerClient
) -> None:
    code = await admin.share("acme", "globex")
    update = admin.provider.recipients.update
    await update(admin.context, "globex", NO_CHANGE, ["192.0.2.0/24"])
    for page in (
        await stranger.open(f"/explorer/activate/{code}"),
        await stranger.post(f"/explorer/activate/{code}", []),
    ):
        assert (page.status, page.title) == (403, "Not from this network")
        assert "Your address 127.0.0.1 is not in this recipient's IP access list" in page.text
    await update(admin.context, "globex", NO_CHANGE, [])
    assert (await download(await stranger.open(f"/explorer/activate/{code}")))[0] == 200


async def test_another_site_uses_no_link_up(admin: AdminClient, stranger: ExplorerClient) -> None:
    code = await admin.share("acme", "globex")
    for site in ("cross-site", "same-site", "none"):
        page = await stranger.post(f"/explorer/activate/{code}", [], **{"Sec-Fetch-Site": site})
        assert (page.status, page.title) == (200, "Models are shared with you")
    recipient, _ = await admin.provider.recipients.get(admin.context, "globex")
    assert not recipient.activated


async def test_the_code_is_on_its_way_to_nobody(
    admin: AdminClient, server: TestServer, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await admin.share("acme", "globex")
    capsys.readouterr()
    async with aiohttp.ClientSession() as session:
        for path in (f"/explorer/activate/{code}", f"/explorer/activate/{code}/"):
            async with session.get(server.make_url(path), headers=_BROWSER) as answer:
                text = await answer.text()
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert "Set-Cookie" not in answer.headers
            assert text.count(code) == 1, "in the form alone"
            assert "http" not in text.replace(str(server.make_url("/")).rstrip("/"), ""), (
                "nothing of elsewhere"
            )
        async with session.post(server.make_url(f"/explorer/activate/{code}"), headers=_BROWSER) as answer:
            assert answer.status == 200
    said = "".join(capsys.readouterr())
    assert "/explorer/activate/{code}" in said
    assert code not in said


@pytest.mark.parametrize("ui", [True, False])
async def test_the_links_that_are_given_out_open_a_page(
    admin: AdminClient, aiohttp_server: AiohttpServer, provider_home: Path, ui: bool
) -> None:
    server = await aiohttp_server(make_app(admin.provider, ui=ui))
    headers = {"Authorization": f"Bearer {(provider_home / 'admin.token').read_text()}"}
    url = server.make_url("/api/2.1/unity-catalog/recipients")
    async with aiohttp.ClientSession() as session:
        body = {"name": "globex", "authentication_type": "TOKEN"}
        async with session.post(url, json=body, headers=headers) as answer:
            link = (await answer.json())["activation_url"]
        assert ("/explorer/activate/" in link) == ui
        async with session.get(link, headers=_BROWSER) as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
            assert "globex" in await answer.text()
