"""Every page that links lead to: it answers, its HTML is sound, and it shows its reader nothing secret."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.faces.application import make_app
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient, new_browser
from support.explorer_crawl import CrawledPage, crawl, problems_of
from support.explorer_metastore import SECRET, fill
from support.hostile_input.hostile_metastore import fill_hostile

_STARTS = (
    "/explorer/search?q=churn",
    "/explorer/search?q=nothing-has-this-name",
    "/explorer/audit?result=DENIED",
    "/explorer/catalogs?page=nonsense",
    "/explorer/models/prod.ml_team.nowhere",
    "/explorer/models/not-a-name",
    "/explorer/nowhere",
)
"""Pages that no link leads to: answers of forms, and errors."""


@pytest.mark.each_database
async def test_every_page_answers_and_is_sound(
    admin: AdminClient, server: TestServer, explorer: ExplorerClient, stranger: ExplorerClient, tmp_path: Path
) -> None:
    made = await fill(admin, tmp_path)
    pages = await crawl(explorer, *_STARTS)
    _check_statuses(pages, 200)
    _check_html(pages)
    await stranger.sign_in(made.colleague)
    pages = await crawl(stranger, *_STARTS)
    _check_statuses(pages, 200, 403)
    _check_html(pages)
    for page in pages:
        assert SECRET.name not in str(page.soup), str(page)


@pytest.mark.each_database
async def test_hostile_names_and_texts_are_linked_and_shown(
    admin: AdminClient, server: TestServer, explorer: ExplorerClient, tmp_path: Path
) -> None:
    await fill_hostile(admin, tmp_path)
    pages = await crawl(explorer, "/explorer/search?q=script")
    _check_statuses(pages, 200)
    _check_html(pages)
    for page in pages:
        assert "23331" not in str(page.soup), f"{page}: a template in a text was rendered"


def _check_statuses(pages: list[CrawledPage], *statuses: int) -> None:
    """A page that a link leads to has one of these; one that no link leads to may not fail."""
    unexpected = [
        str(page)
        for page in pages
        if page.status not in statuses and (page.found_on not in ("", *_STARTS) or page.status >= 500)
    ]
    assert not unexpected, "\n".join(unexpected)


def _check_html(pages: list[CrawledPage], prefix: str = "") -> None:
    problems = [problem for page in pages for problem in problems_of(page, prefix)]
    assert not problems, "\n".join(problems)


async def test_no_link_leaves_the_path_prefix_of_a_proxy(
    settings: Settings, aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    async with open_provider(replace(settings, public_url="http://127.0.0.1/ml")) as provider:
        await fill(AdminClient.of(provider), tmp_path)
        client = new_browser(await aiohttp_server(make_app(provider)))
        async with client.session:
            token = settings.admin_token_path.read_text()
            await client.post("/explorer/sign-in", [("token", token)])
            pages = await crawl(client, prefix="/ml")
            assert len(pages) > 1
            _check_html(pages, "/ml")
