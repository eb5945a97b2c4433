"""Pages of shares and recipients: the way of a model to another company, by forms alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from model_sharing_protocol.names import SharedName
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.http.transfers import transferring
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient
from support.model_folder import write_model
from support.principals import (
    SecurablePrivilege,
    create_user,
    grant_privileges,
    on_model,
    privileges_to_load,
    recipient_context,
)

NAME = "prod.ml_team.scorer"


@pytest.fixture
async def scorer(admin: AdminClient, tmp_path: Path) -> None:
    await admin.register(write_model(tmp_path / "1"), NAME, alias="Champion")


async def share_with_globex(explorer: ExplorerClient) -> str:
    """Share the model with a new recipient; the activation link."""
    await (await explorer.open("/explorer/shares")).submit(
        "Create", name="acme_share", comment="Our **best**"
    )
    page = await (await explorer.open("/explorer/shares/acme_share")).submit("Add", source=NAME)
    assert "ml_team.scorer" in page.text
    page = await (await explorer.open("/explorer/recipients")).submit("Create", name="globex")
    assert page.title == "Activation link of globex"
    link = re.search(r"http://\S+/explorer/activate/\w+", page.text)
    assert link
    page = await (await explorer.open("/explorer/shares/acme_share/recipients")).submit(
        "Grant", recipient="globex"
    )
    assert "Granted." in page.text
    return link[0]


@pytest.mark.usefixtures("scorer")
async def test_a_share_is_made_granted_and_revoked(explorer: ExplorerClient, admin: AdminClient) -> None:
    link = await share_with_globex(explorer)
    preview = await explorer.open("/explorer/shares/acme_share/preview")
    assert "ml_team.scorer" in preview.text
    assert "@Champion → 1" in preview.text
    assert NAME not in preview.text, "recipients are not told what it is called here"
    activation = await explorer.open(link)
    assert activation.status == 200
    page = await explorer.open("/explorer/recipients/globex")
    assert "link waiting" in page.title
    page = await explorer.open("/explorer/shares/acme_share/recipients")
    assert "this process is sending it 0 large files" in page.text
    with transferring("prod.ml_team.scorer/1:weights", "globex", "acme_share"):
        page = await explorer.open("/explorer/shares/acme_share/recipients")
        assert "this process is sending it 1 large file." in page.text
        assert (
            "prod.ml_team.scorer/1:weights globex acme_share"
            in (await explorer.open("/explorer/health")).text
        )
    page = await page.submit("Revoke globex")
    assert "Nobody." in page.text
    page = await (await explorer.open("/explorer/shares/acme_share")).submit("Remove ml_team.scorer")
    assert "Nothing is shared yet." in page.text
    page = await explorer.open("/explorer/shares/acme_share/delete")
    page = await page.submit("Delete for good", confirmation="acme_share")
    assert "There is no share of yours." in page.text


@pytest.mark.usefixtures("scorer")
async def test_a_share_says_what_its_owner_may_no_longer_read(
    explorer: ExplorerClient, stranger: ExplorerClient, admin: AdminClient
) -> None:
    ana = await create_user(admin, "ana")
    create = SecurablePrivilege(Privilege.CREATE_SHARE, SecurableType.METASTORE)
    await grant_privileges(admin, "ana", create, *privileges_to_load(NAME))
    await stranger.sign_in(ana.token)
    await (await stranger.open("/explorer/shares")).submit("Create", name="anas")
    page = await (await stranger.open("/explorer/shares/anas")).submit("Add", source=NAME, shared_as="a.b")
    assert "active" in page.text
    await on_model(Privilege.EXECUTE, NAME).revoke(admin, "ana")
    page = await explorer.open("/explorer/shares/anas")
    assert "permission denied ana may not read it any more" in page.text
    assert "They see nothing." in (await explorer.open("/explorer/shares/anas/preview")).text
    assert (
        (await stranger.open("/explorer/recipients"))
        .refusal("Create recipient")
        .endswith("lacks CREATE_RECIPIENT on the metastore")
    )


async def test_a_recipient_rotates_is_limited_and_is_deleted(explorer: ExplorerClient) -> None:
    await (await explorer.open("/explorer/recipients")).submit(
        "Create", name="globex", networks="192.0.2.0/24"
    )
    page = await explorer.open("/explorer/recipients/globex?address=192.0.2.7")
    assert "192.0.2.7 may use its credentials." in page.text
    page = await page.submit("Test", address="198.51.100.1")
    assert "198.51.100.1 is refused." in page.text
    for text in ("<b>", "192.0.2.0/24"):
        assert "is not an address" in (await page.submit("Test", address=text)).text
    page = await page.submit("Save networks", networks="192.0.2.0/24\n2001:db8::/32")
    assert "2001:db8::/32" in page.text
    assert (await page.submit("Save networks", networks="nowhere")).status == 400
    limited = await page.submit("Save limits", bytes_per_day="2TB", requests_per_minute="600")
    assert "requests this minute: 0 of 600; this day (UTC): 0 B of" in limited.text
    assert (await limited.submit("Save limits", bytes_per_day="a lot")).status == 400
    link = await page.submit("Make a new link", existing_expires_in="0")
    assert link.title == "Activation link of globex"
    page = await explorer.open("/explorer/recipients/globex")
    button = next(each for each in page.soup.find_all("button") if each.get_text().startswith("End token"))
    page = await page.submit(button.get_text(strip=True))
    assert "There is none: rotate the token" in page.text
    assert (await page.submit("Delete for good", confirmation="globe")).status == 400
    page = await page.submit("Delete for good", confirmation="globex")
    assert "There is no recipient of yours." in page.text


@pytest.mark.usefixtures("scorer")
async def test_terms_are_set_and_ended(explorer: ExplorerClient) -> None:
    await share_with_globex(explorer)
    page = await explorer.open("/explorer/shares/acme_share/terms")
    page = await page.submit("Set terms", version="2.0", text="Do no harm.\nBe kind.")
    assert "Do no harm." in page.text
    page = await page.submit("End terms")
    assert "Recipients need to accept nothing." in page.text
    assert "2.0" in page.text


@pytest.mark.usefixtures("scorer")
async def test_who_owns_none_of_it_sees_none_of_it(
    explorer: ExplorerClient, stranger: ExplorerClient, admin: AdminClient
) -> None:
    await share_with_globex(explorer)
    await stranger.sign_in((await create_user(admin, "ana")).token)
    assert "acme_share" not in (await stranger.open("/explorer/shares")).text
    assert "globex" not in (await stranger.open("/explorer/recipients")).text
    for path in ("shares/acme_share", "shares/acme_share/preview", "recipients/globex"):
        assert (await stranger.open(f"/explorer/{path}")).status == 403, path


@pytest.mark.usefixtures("scorer")
async def test_a_recipient_holds_nothing_of_a_deleted_namesake(
    explorer: ExplorerClient, admin: AdminClient
) -> None:
    await share_with_globex(explorer)
    provider, name = admin.provider, SharedName("ml_team", "scorer")
    context = await recipient_context(admin, "globex")
    await provider.recipient_files.version_files(context, "acme_share", name, number=1)
    page = await explorer.open("/explorer/recipients/globex")
    assert f"{NAME} version 1" in page.text
    assert "1 version, " in page.text
    assert "never" not in (await explorer.open("/explorer/shares/acme_share/recipients")).text
    await provider.recipients.delete(admin.context, "globex")
    await provider.recipients.create(admin.context, "globex")
    await provider.share_permissions.grant(admin.context, "acme_share", "globex")
    page = await explorer.open("/explorer/recipients/globex")
    assert "It pulled nothing" in page.text
    assert "never" in (await explorer.open("/explorer/shares/acme_share/recipients")).text


async def test_a_recipient_by_identity_has_no_token_to_rotate(
    admin: AdminClient, explorer: ExplorerClient
) -> None:
    await admin.provider.recipients.create_federated(admin.context, "hooli")
    page = await explorer.open("/explorer/recipients/hooli")
    assert page.refusal("Rotate token") == "It signs in by tokens of its own issuers"
    assert "rotate the token to make a link" not in page.text
    assert "by identity" in page.text and "expired" not in page.text
