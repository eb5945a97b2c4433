"""Home, search, principals, audit and health: what administrators see there, and what others do."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.services.registry.tags import TagChange
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient
from support.model_folder import write_model
from support.principals import create_user, grant_privileges, privileges_to_load

pytestmark = pytest.mark.each_database

NAME = "prod.ml_team.scorer"


@pytest.fixture
async def scorer(admin: AdminClient, tmp_path: Path) -> str:
    """A model with an alias and tags; the digest of its version."""
    version = await admin.register(write_model(tmp_path / "1"), NAME, alias="Champion")
    full_name = FullName.parse(NAME)
    await admin.provider.models.tag(admin.context, full_name, TagChange(add={"task": "classification"}))
    await admin.provider.versions.tag(admin.context, full_name, 1, TagChange(add={"stage": "approved"}))
    return version.digest


async def test_home_leads_through_the_first_steps_and_then_forgets_them(
    explorer: ExplorerClient, admin: AdminClient, tmp_path: Path
) -> None:
    page = await explorer.open("/explorer")
    assert "First steps" in page.text
    await admin.register(write_model(tmp_path / "1"), NAME)
    await admin.share("acme", "globex", NAME)
    page = await explorer.open("/explorer")
    assert "First steps" not in page.text
    assert f"{NAME} version 1 ready" in page.text


async def test_home_says_what_needs_attention(
    explorer: ExplorerClient, admin: AdminClient, stranger: ExplorerClient, scorer: str
) -> None:
    await admin.provider.recipients.create(admin.context, "globex")
    ana = await create_user(admin, "ana")
    await stranger.sign_in(ana.token)
    await stranger.open("/explorer/recipients/globex")
    page = await explorer.open("/explorer")
    assert "Activation links that nobody has used globex" in page.text
    assert "1 denied in 24 h" in page.text
    theirs = await stranger.open("/explorer")
    assert "globex" not in theirs.text
    assert NAME not in theirs.text


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        ("scor", "Models by name"),
        ("PROD.ml_team.sc", "Models by name"),
        ("@champ", "Aliases"),
        ("task", "Tags"),
        ("task: class", "Tags"),
        ("stage:approved", "Tags"),
    ],
)
async def test_a_text_finds_models_that_the_reader_may_read(
    explorer: ExplorerClient,
    stranger: ExplorerClient,
    admin: AdminClient,
    scorer: str,
    text: str,
    heading: str,
) -> None:
    page = await (await explorer.open("/explorer")).submit("Search", q=text)
    assert f"{heading} Model Found {NAME}" in page.text
    ana = await create_user(admin, "ana")
    await stranger.sign_in(ana.token)
    assert NAME not in (await (await stranger.open("/explorer")).submit("Search", q=text)).text
    await grant_privileges(admin, "ana", *privileges_to_load(NAME))
    assert NAME in (await (await stranger.open("/explorer")).submit("Search", q=text)).text


async def test_digests_recipients_and_shares_are_found(
    explorer: ExplorerClient, admin: AdminClient, scorer: str
) -> None:
    await admin.share("acme_share", "acme_recipient", NAME)
    home = await explorer.open("/explorer")
    for text in (scorer, scorer.removeprefix("sha256:")[:8]):
        assert f"Digests Model Found {NAME} version 1" in (await home.submit("Search", q=text)).text
    found = await home.submit("Search", q="acme")
    assert "Recipients acme_recipient" in found.text
    assert "Shares acme_share" in found.text
    for text in ("%", "_", "'; DROP TABLE tags; --", ":", "@", "…", "<b>"):
        page = await home.submit("Search", q=text)
        assert (page.status, "Nothing that you may see begins with" in page.text) == (200, True), text
    assert (await explorer.open(f"/explorer/search?q={'x' * 201}")).status == 400


async def test_principals_tokens_and_members(explorer: ExplorerClient, stranger: ExplorerClient) -> None:
    page = await (await explorer.open("/explorer/principals")).submit("Create", name="ana@x.org", type="USER")
    assert page.title == "ana@x.org user"
    shown = await page.submit("Create token", expires_in="7d", comment="laptop")
    token = shown.soup.find("code").get_text()  # type: ignore[union-attr]
    assert (await stranger.sign_in(token)).title == "Home"
    await (await explorer.open("/explorer/principals")).submit("Create", name="team", type="GROUP")
    group = await (await explorer.open("/explorer/principals/team")).submit("Add member", member="ana@x.org")
    assert "Remove ana@x.org" in group.text
    page = await explorer.open("/explorer/principals/ana@x.org")
    button = next(each for each in page.soup.find_all("button") if each.get_text().startswith("End token"))
    await page.submit(button.get_text(strip=True))
    assert (await stranger.open("/explorer")).title == "Sign in"
    page = await (await explorer.open("/explorer/principals/ana@x.org")).submit(
        "Delete for good", confirmation="ana@x.org"
    )
    assert "ana@x.org" not in page.text


async def test_the_audit_log_is_filtered_paged_and_exported(
    explorer: ExplorerClient, admin: AdminClient, scorer: str
) -> None:
    for number in range(60):
        await admin.provider.catalogs.create(admin.context, f"catalog{number}", "=cmd()")
    await admin.provider.principals.create(admin.context, "=1+1", PrincipalType.USER)
    page = await explorer.open("/explorer/audit?action=createCatalog")
    assert page.text.count("createCatalog") >= 50
    following = page.soup.find("a", rel="next")
    assert following is not None
    assert "catalog9" in (await explorer.open(str(following["href"]))).text
    assert (await explorer.open("/explorer/audit?action=nonsense")).status == 400
    assert (await explorer.open("/explorer/audit?since=yesterday")).status == 400
    async with explorer.session.get(
        explorer.base.join(page.url / "events.csv" % {"action": "createPrincipal"})
    ) as answer:
        text = await answer.text()
        assert answer.headers["Content-Disposition"] == "attachment; filename=events.csv"
    assert "'=1+1" in text
    assert ",=1+1" not in text
    async with explorer.session.get(
        explorer.base.join(page.url / "events.parquet" % {"action": "createCatalog"})
    ) as answer:
        assert pq.read_table(io.BytesIO(await answer.read())).num_rows == 61


async def test_others_are_told_what_they_lack(stranger: ExplorerClient, admin: AdminClient) -> None:
    ana = await create_user(admin, "ana")
    await stranger.sign_in(ana.token)
    lacks = "ana lacks METASTORE ADMINISTRATION on the metastore"
    for path in ("audit", "health", "principals"):
        page = await stranger.open(f"/explorer/{path}")
        assert (page.status, lacks in page.text) == (200, True), path
    for path in ("audit/events.csv", "audit/events.parquet", "principals/ana"):
        assert (await stranger.open(f"/explorer/{path}")).status == 403, path


async def test_health_shows_keys_and_checks(explorer: ExplorerClient) -> None:
    page = await explorer.open("/explorer/health")
    assert page.title == "Health ready"
    assert "signing key" in page.text
    assert "URL key" in page.text
