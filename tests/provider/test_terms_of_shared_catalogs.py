"""Terms of shares that catalogs are made from: their owner accepts them, for everybody in the metastore."""

from __future__ import annotations

import pytest

from model_sharing_protocol.errors import (
    InvalidState,
    NotFound,
    PermissionDenied,
    ReadOnlyCatalog,
    TermsNotAccepted,
    UpstreamUnavailable,
)
from model_sharing_protocol.names import FullName
from model_sharing_protocol.terms import terms_digest
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.mirroring.catalog_pulls import PullSelection
from support.admin_client import AdminClient
from support.principals import SecurablePrivilege, create_user
from support.upstream_provider import UpstreamProvider

pytestmark = pytest.mark.each_database

SOURCE, SCORER = "prod.ml_team.scorer", FullName.parse("vendor.ml_team.scorer")
SHARE, MODEL = SecurableType.SHARE, SecurableType.MODEL
EVERYTHING = PullSelection(all_versions=True)


async def set_terms(upstream: UpstreamProvider, of: str = "acme_share", text: str = "Be fair.") -> str:
    terms, kind = upstream.admin.provider.provider_terms, MODEL if "." in of else SHARE
    return (await terms.set(upstream.admin.context, kind, of, version="1", text=text)).digest


async def test_a_catalog_is_made_with_the_acceptance_of_the_shares_terms(
    admin: AdminClient, known_provider: UpstreamProvider
) -> None:
    digest, of_model = await set_terms(known_provider), await set_terms(known_provider, SOURCE, "Cite us.")
    provider, context = admin.provider, admin.context
    read = await provider.providers.terms(context, "acme", "acme_share")
    assert [(each.digest, each.models) for each in read] == [(digest, ()), (of_model, ("ml_team.scorer",))]
    with pytest.raises(
        TermsNotAccepted, match=f"'provider terms acme acme_share', .*: --accept-terms {digest}"
    ):
        await provider.shared_catalogs.create(context, "vendor", "acme", "acme_share")
    with pytest.raises(NotFound):
        await provider.catalogs.get(context, "vendor")
    # A digest that does not apply is of no use, and does no harm.
    accepted = [digest, terms_digest("1", "Something else.")]
    await provider.shared_catalogs.create(context, "vendor", "acme", "acme_share", accept_terms=accepted)
    (record,) = await known_provider.admin.provider.provider_terms.acceptances(
        known_provider.admin.context, "us"
    )
    assert (record.digest, record.accepted_by) == (digest, "admin")
    with pytest.raises(TermsNotAccepted, match=f"catalog accept-terms vendor {of_model}"):
        await provider.catalog_pulls.pull(context, "vendor", EVERYTHING)
    await provider.catalog_terms.accept(context, "vendor", [of_model])
    assert (await provider.catalog_pulls.pull(context, "vendor", EVERYTHING)).versions_done == 2
    events = await provider.audit.latest(context, 5, action=AuditAction.ACCEPT_CATALOG_TERMS)
    assert [event.target.name for event in events] == [f"vendor terms {of_model}", f"vendor terms {digest}"]


async def test_terms_that_come_later_stop_pulls_and_nothing_else(
    admin: AdminClient, vendor: UpstreamProvider
) -> None:
    provider, context = admin.provider, admin.context
    await provider.catalog_pulls.pull(context, "vendor", PullSelection(alias="Champion"))
    digest = await set_terms(vendor)
    await provider.shared_catalogs.sync(context, "vendor")
    assert (await provider.models.get(context, SCORER)).latest_version == 2
    # What was fetched under the terms of then stays.
    assert (
        await provider.catalog_pulls.pull(context, "vendor", PullSelection(alias="Champion"))
    ).fetched == 0
    with pytest.raises(
        TermsNotAccepted, match="The owner of the catalog reads them with 'catalog terms vendor'"
    ):
        await provider.catalog_pulls.pull(context, "vendor", EVERYTHING)
    (event,) = await provider.audit.latest(
        context, 1, action=AuditAction.PULL_MODEL_VERSION, outcome="FAILED"
    )
    assert digest in event.reason
    await provider.catalog_terms.accept(context, "vendor", [digest])
    assert (await provider.catalog_pulls.pull(context, "vendor", EVERYTHING)).fetched > 0


async def test_the_owner_accepts_the_terms_of_a_catalog(admin: AdminClient, vendor: UpstreamProvider) -> None:
    digest = await set_terms(vendor)
    terms, ana = admin.provider.catalog_terms, await create_user(admin, "ana")
    with pytest.raises(PermissionDenied, match="USE_CATALOG"):
        await terms.list(await ana.context(), "vendor")
    await SecurablePrivilege(Privilege.USE_CATALOG, SecurableType.CATALOG, "vendor").grant(admin, "ana")
    (read,) = await terms.list(await ana.context(), "vendor")
    assert (read.digest, read.text, read.accepted_at) == (digest, "Be fair.", None)
    with pytest.raises(PermissionDenied, match="OWNERSHIP on catalog"):
        await terms.accept(await ana.context(), "vendor", [digest])
    await SecurablePrivilege(Privilege.OWN, SecurableType.CATALOG, "vendor").grant(admin, "ana")
    (accepted,) = await terms.accept(await ana.context(), "vendor", [digest])
    assert accepted.accepted_by == "ana"
    with pytest.raises(NotFound):
        await terms.accept(admin.context, "vendor", [terms_digest("1", "Something else.")])


async def test_what_has_no_terms_of_another_provider(admin: AdminClient, vendor: UpstreamProvider) -> None:
    assert await admin.provider.catalog_terms.list(admin.context, "vendor") == []
    with pytest.raises(ReadOnlyCatalog):
        await admin.provider.provider_terms.set(admin.context, MODEL, str(SCORER), version="1", text="Ours.")
    await admin.provider.catalogs.create(admin.context, "own")
    with pytest.raises(InvalidState, match="this metastore's own"):
        await admin.provider.catalog_terms.list(admin.context, "own")
    await vendor.server.close()
    with pytest.raises(UpstreamUnavailable, match="cannot be asked for its terms"):
        await admin.provider.catalog_terms.list(admin.context, "vendor")
