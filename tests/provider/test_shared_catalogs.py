"""Catalogs from shares: made from what another provider shows, kept true, read-only, for everybody here."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.errors import (
    AlreadyExists,
    InvalidParameter,
    InvalidState,
    NotFound,
    PermissionDenied,
    ReadOnlyCatalog,
    ServerUnreachable,
    UntrustedSignature,
    UpstreamUnavailable,
)
from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_protocol.pages import PageRequest
from model_sharing_protocol.unity_catalog import PREFIX
from model_sharing_provider.artifacts.layout import bundle_path
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.mirrors import MirrorState
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.permissions import PrivilegeChange
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.mirroring.freshness import Freshness
from model_sharing_provider.services.registry.tags import TagChange
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import SecurablePrivilege, create_user
from support.upstream_provider import UpstreamProvider

pytestmark = pytest.mark.each_database

SOURCE = FullName.parse("prod.ml_team.scorer")
SCORER = FullName.parse("vendor.ml_team.scorer")
PAGE = PageRequest()


@pytest.fixture
def always_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the bound had passed at each read."""
    monkeypatch.setattr(Freshness, "_bound_ms", -1)


async def test_a_catalog_shows_what_the_provider_shares(
    admin: AdminClient, vendor: UpstreamProvider, artifacts: ArtifactStore
) -> None:
    provider = admin.provider
    catalog = await provider.catalogs.get(admin.context, "vendor")
    assert catalog.source is not None
    assert (catalog.source.provider, catalog.source.share) == ("acme", "acme_share")
    assert catalog.source.state is MirrorState.ACTIVE
    assert catalog.source.synced_at is not None
    (model,) = (await provider.models.page(admin.context, SCORER.schema_name, PAGE)).items
    assert (model.full_name, model.aliases) == (SCORER, {"Champion": 1})
    theirs = await vendor.admin.provider.versions.get(vendor.admin.context, SOURCE, 1)
    ours = await provider.versions.get_by_alias(admin.context, SCORER, "champion")
    assert (ours.version, ours.digest, ours.size, ours.signature) == (
        1,
        theirs.digest,
        theirs.size,
        theirs.signature,
    )
    origin = (ours.origin_provider, ours.origin_share, ours.origin_model, ours.origin_version)
    assert origin == ("acme", "acme_share", "ml_team.scorer", 1)
    signature = await provider.origin_signatures.check(admin.context, SCORER, 1)
    assert signature.key.fingerprint == ours.origin_key
    assert str(signature.signed_name) == "ml_team.scorer version 1 of the share acme_share"
    stored = await artifacts.get_bytes(bundle_path(ours.id))
    await artifacts.put_bytes(bundle_path(ours.id), stored.replace(b'"payload":"ey', b'"payload":"eY'))
    with pytest.raises(UntrustedSignature):
        await provider.origin_signatures.check(admin.context, SCORER, 1)


async def test_what_changes_there_changes_here(admin: AdminClient, vendor: UpstreamProvider) -> None:
    theirs, their_context = vendor.admin.provider, vendor.admin.context
    await theirs.models.set_alias(their_context, SOURCE, "Champion", 2)
    await theirs.models.update(their_context, SOURCE, SecurableUpdate(comment="better"))
    await theirs.models.tag(their_context, SOURCE, TagChange({"stage": "live"}))
    await theirs.versions.tag(their_context, SOURCE, 2, TagChange({"auc": "0.9"}))
    await theirs.versions.delete(their_context, SOURCE, 1)
    await admin.provider.shared_catalogs.sync(admin.context, "vendor")
    model = await admin.provider.models.get(admin.context, SCORER)
    assert (model.aliases, model.comment, model.tags) == ({"Champion": 2}, "better", {"stage": "live"})
    assert (await admin.provider.versions.get(admin.context, SCORER, 2)).tags == {"auc": "0.9"}
    with pytest.raises(NotFound):
        await admin.provider.versions.get(admin.context, SCORER, 1)
    report = await admin.provider.shared_catalogs.sync(admin.context, "vendor")
    assert (report.models, report.written, report.removed) == (1, 0, 0)


async def test_a_renamed_model_keeps_its_grants_and_a_removed_one_goes(
    admin: AdminClient, vendor: UpstreamProvider
) -> None:
    theirs, their_context = vendor.admin.provider, vendor.admin.context
    ana = await create_user(admin, "ana")
    execute = SecurablePrivilege(Privilege.EXECUTE, SecurableType.MODEL, str(SCORER))
    await execute.grant(admin, "ana")
    for kind, name, privilege in (
        (SecurableType.CATALOG, "vendor", Privilege.USE_CATALOG),
        (SecurableType.SCHEMA, "vendor.ml_team", Privilege.USE_SCHEMA),
    ):
        await SecurablePrivilege(privilege, kind, name).grant(admin, "ana")
    await theirs.shares.remove(their_context, "acme_share", "ml_team.scorer")
    await theirs.shares.add_schema(their_context, "acme_share", SchemaName.parse("prod.ml_team"))
    await theirs.models.update(their_context, SOURCE, SecurableUpdate(new_name="ranker"))
    await admin.provider.shared_catalogs.sync(admin.context, "vendor")
    renamed = FullName.parse("vendor.ml_team.ranker")
    assert (await admin.provider.models.get(await ana.context(), renamed)).full_name == renamed
    await theirs.models.delete(their_context, FullName.parse("prod.ml_team.ranker"))
    await admin.provider.shared_catalogs.sync(admin.context, "vendor")
    assert not (await admin.provider.models.search_catalog(admin.context, PAGE, "vendor")).items


async def test_an_alias_that_moved_there_is_read_here_within_the_bound(
    admin: AdminClient, vendor: UpstreamProvider, always_asked: None
) -> None:
    theirs, their_context = vendor.admin.provider, vendor.admin.context
    await theirs.models.set_alias(their_context, SOURCE, "Champion", 2)
    found = await admin.provider.versions.get_by_alias(admin.context, SCORER, "Champion")
    assert found.version == 2


async def test_grants_here_decide_who_may_read(admin: AdminClient, vendor: UpstreamProvider) -> None:
    ana = await create_user(admin, "ana")
    with pytest.raises(PermissionDenied, match="USE_CATALOG"):
        await admin.provider.versions.get_by_alias(await ana.context(), SCORER, "Champion")
    needed = frozenset({Privilege.USE_CATALOG, Privilege.USE_SCHEMA, Privilege.EXECUTE})
    grants = [PrivilegeChange("ana", needed)]
    await admin.provider.permissions.update(admin.context, SecurableType.CATALOG, "vendor", grants)
    found = await admin.provider.versions.get_by_alias(await ana.context(), SCORER, "Champion")
    assert found.version == 1
    assert await admin.provider.origin_signatures.check(await ana.context(), SCORER, 1)
    bob = await create_user(admin, "bob")
    with pytest.raises(PermissionDenied, match="bob lacks USE_CATALOG"):
        await admin.provider.origin_signatures.check(await bob.context(), SCORER, 1)


async def test_nothing_below_it_can_be_changed(
    admin: AdminClient, vendor: UpstreamProvider, tmp_path: Path
) -> None:
    provider, context = admin.provider, admin.context
    refusal = "comes from share acme_share of provider acme; ask them, or copy the model"
    for change in (
        lambda: provider.catalogs.create_schema(context, SchemaName.parse("vendor.new")),
        lambda: provider.catalogs.update_schema(context, SCORER.schema_name, SecurableUpdate(owner="admin")),
        lambda: provider.catalogs.delete_schema(context, SCORER.schema_name, force=True),
        lambda: provider.models.create(context, FullName.parse("vendor.ml_team.new")),
        lambda: provider.models.update(context, SCORER, SecurableUpdate(comment="mine")),
        lambda: provider.models.update(context, SCORER, SecurableUpdate(owner="admin")),
        lambda: provider.models.set_alias(context, SCORER, "Champion", 2),
        lambda: provider.models.delete_alias(context, SCORER, "Champion"),
        lambda: provider.models.tag(context, SCORER, TagChange({"a": "b"})),
        lambda: provider.models.delete(context, SCORER),
        lambda: provider.versions.update(context, SCORER, 1, comment="mine"),
        lambda: provider.versions.tag(context, SCORER, 1, TagChange({"a": "b"})),
        lambda: provider.versions.delete(context, SCORER, 1),
        lambda: provider.registration.register(context, tmp_path / "first", SCORER),
        lambda: provider.copies.copy(context, SCORER, 1, SCORER),
    ):
        with pytest.raises(ReadOnlyCatalog, match=refusal):
            await change()
    assert (await provider.models.get(context, SCORER)).aliases == {"Champion": 1}


async def test_a_reader_is_told_whom_to_ask_and_a_stranger_nothing(
    admin: AdminClient, vendor: UpstreamProvider
) -> None:
    ana = await create_user(admin, "ana")
    with pytest.raises(PermissionDenied, match="ana lacks USE_CATALOG"):
        await admin.provider.models.set_alias(await ana.context(), SCORER, "Champion", 2)
    await SecurablePrivilege(Privilege.USE_CATALOG, SecurableType.CATALOG, "vendor").grant(admin, "ana")
    for name in (SCORER, FullName.parse("vendor.missing.model")):
        with pytest.raises(ReadOnlyCatalog, match="comes from share acme_share of provider acme"):
            await admin.provider.models.create(await ana.context(), name)


async def test_the_catalog_itself_can_be_described_and_given_away(
    admin: AdminClient, vendor: UpstreamProvider
) -> None:
    await create_user(admin, "ana")
    changes = SecurableUpdate(comment="from Acme", owner="ana", new_name="acme")
    await admin.provider.catalogs.update(admin.context, "vendor", changes)
    model = await admin.provider.models.get(admin.context, FullName.parse("acme.ml_team.scorer"))
    assert model.owner == "ana"


async def test_dropping_the_catalog_drops_its_rows_and_what_was_stored(
    admin: AdminClient, vendor: UpstreamProvider, provider_home: Path
) -> None:
    with pytest.raises(InvalidState, match="shares these catalogs: vendor"):
        await admin.provider.providers.delete(admin.context, "acme")
    await admin.provider.catalogs.delete(admin.context, "vendor")
    with pytest.raises(NotFound):
        await admin.provider.models.get(admin.context, SCORER)
    assert not [path for path in (provider_home / "artifacts").rglob("*") if path.is_file()]
    await admin.provider.providers.delete(admin.context, "acme")


async def test_who_may_make_a_catalog_from_a_share(
    admin: AdminClient, known_provider: UpstreamProvider
) -> None:
    ana = await create_user(admin, "ana")
    creating = admin.provider.shared_catalogs.create

    async def attempt() -> None:
        await creating(await ana.context(), "vendor", "acme", "acme_share")

    with pytest.raises(PermissionDenied, match="CREATE_CATALOG"):
        await attempt()
    await SecurablePrivilege(Privilege.CREATE_CATALOG, SecurableType.METASTORE).grant(admin, "ana")
    with pytest.raises(PermissionDenied, match="OWNERSHIP on provider 'acme'"):
        await attempt()
    await SecurablePrivilege(Privilege.OWN, SecurableType.PROVIDER, "acme").grant(admin, "ana")
    await attempt()
    assert (await admin.provider.models.get(await ana.context(), SCORER)).owner == "ana"
    bob = await create_user(admin, "bob")
    with pytest.raises(PermissionDenied, match="bob lacks OWNERSHIP on catalog"):
        await admin.provider.shared_catalogs.sync(await bob.context(), "vendor")


async def test_bad_input_leaves_nothing_behind(
    admin: AdminClient, known_provider: UpstreamProvider, endpoint: str, tmp_path: Path
) -> None:
    create = admin.provider.shared_catalogs.create
    with pytest.raises(NotFound, match=r"shares nothing called 'nothing' .* It shares: acme_share"):
        await create(admin.context, "vendor", "acme", "nothing")
    with pytest.raises(NotFound, match="'nobody' does not exist; create it with 'provider create"):
        await create(admin.context, "vendor", "nobody", "acme_share")
    with pytest.raises(UntrustedSignature, match=r"Expected the provider's key|Expected the key"):
        await create(admin.context, "vendor", "acme", "acme_share", key_fingerprint=f"sha256:{'0' * 64}")
    await admin.register(write_model(tmp_path / "own"), "vendor.ml_team.scorer")
    with pytest.raises(AlreadyExists):
        await create(admin.context, "vendor", "acme", "acme_share")
    with pytest.raises(InvalidParameter):
        await create(admin.context, "not legal", "acme", "acme_share")
    code = await admin.share("mine", "myself", "vendor.ml_team.scorer")
    profile = (await admin.activate(code, endpoint)).to_json().decode()
    await admin.provider.providers.create(admin.context, "myself", profile)
    with pytest.raises(InvalidParameter, match="is this metastore itself"):
        await create(admin.context, "loop", "myself", "mine")
    names = [each.name for each in (await admin.provider.catalogs.page(admin.context, PAGE)).items]
    assert names == ["vendor"]


async def test_a_withdrawn_share_is_refused_here_and_says_what_to_do(
    admin: AdminClient, vendor: UpstreamProvider
) -> None:
    theirs = vendor.admin
    await theirs.provider.share_permissions.revoke(theirs.context, "acme_share", "us")
    with pytest.raises(NotFound):
        await admin.provider.shared_catalogs.sync(admin.context, "vendor")
    catalog = await admin.provider.catalogs.get(admin.context, "vendor")
    assert catalog.source is not None
    assert catalog.source.state is MirrorState.REVOKED
    with pytest.raises(UpstreamUnavailable, match="Ask them to grant it again"):
        await admin.provider.versions.get_by_alias(admin.context, SCORER, "Champion")
    await theirs.provider.share_permissions.grant(theirs.context, "acme_share", "us")
    await admin.provider.shared_catalogs.sync(admin.context, "vendor")
    assert (await admin.provider.versions.get_by_alias(admin.context, SCORER, "Champion")).version == 1


async def test_a_withdrawn_share_stays_so_when_the_provider_goes_away(
    admin: AdminClient, vendor: UpstreamProvider
) -> None:
    """Within the grace, too: only an answer of the provider can say that it is shared again."""
    theirs, provider = vendor.admin, admin.provider
    await theirs.provider.share_permissions.revoke(theirs.context, "acme_share", "us")
    with pytest.raises(NotFound):
        await provider.shared_catalogs.sync(admin.context, "vendor")
    await vendor.server.close()
    with pytest.raises(ServerUnreachable):
        await provider.shared_catalogs.sync(admin.context, "vendor")
    with pytest.raises(UpstreamUnavailable, match="Ask them to grant it again"):
        await provider.versions.get_by_alias(admin.context, SCORER, "Champion")


async def test_a_failure_that_repeats_changes_no_row_and_writes_no_event(
    admin: AdminClient, vendor: UpstreamProvider
) -> None:
    """The provider names another request each time: that would empty the caches of reads at each attempt."""
    theirs = vendor.admin
    await theirs.provider.share_permissions.revoke(theirs.context, "acme_share", "us")
    before = 0
    for _ in range(3):
        with pytest.raises(NotFound):
            await admin.provider.shared_catalogs.sync(admin.context, "vendor")
        syncs = await admin.provider.audit.latest(admin.context, 100, action=AuditAction.SYNC_CATALOG)
        assert before in (0, len(syncs))
        before = len(syncs)
    catalog = await admin.provider.catalogs.get(admin.context, "vendor")
    assert catalog.source is not None
    assert catalog.source.state_reason.endswith("is not granted to you.")


async def test_while_the_provider_is_away_the_last_state_is_served_with_its_age(
    admin: AdminClient, vendor: UpstreamProvider, always_asked: None
) -> None:
    await vendor.server.close()
    context = admin.provider.context(admin.context.caller)
    found = await admin.provider.versions.get_by_alias(context, SCORER, "Champion")
    assert found.version == 1
    assert context.state_age is not None
    catalog = await admin.provider.catalogs.get(admin.context, "vendor")
    assert catalog.source is not None
    assert catalog.source.state is MirrorState.UNREACHABLE


async def test_answers_about_a_shared_catalog_say_their_age_and_others_do_not(
    admin: AdminClient, vendor: UpstreamProvider, server: TestServer, provider_home: Path, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "own"), str(SOURCE), "Champion")
    await vendor.server.close()
    headers = {"Authorization": f"Bearer {(provider_home / 'admin.token').read_text()}"}
    async with aiohttp.ClientSession(headers=headers) as client:
        for path in (f"models/{SCORER}/aliases/Champion", "models?catalog_name=vendor&schema_name=ml_team"):
            async with client.get(server.make_url(f"{PREFIX}/{path}")) as answer:
                assert answer.status == 200
                assert 0 <= int(answer.headers["Age"]) < 60
        async with client.get(server.make_url(f"{PREFIX}/models/{SOURCE}/aliases/Champion")) as answer:
            assert (answer.status, "Age" in answer.headers) == (200, False)
