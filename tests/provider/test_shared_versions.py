"""Versions from shares: recalled, shared further, copied, and withdrawn, as their provider says."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_sharing_protocol.change_kinds import ChangeKind
from model_sharing_protocol.errors import (
    InvalidState,
    NotFound,
    ReadOnlyCatalog,
    UpstreamUnavailable,
)
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.domain.principals import ANONYMOUS, Caller
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.services.signed_files import OpenFile
from support.admin_client import AdminClient
from support.model_folder import MLMODEL, write_model
from support.uploads import chunks
from support.upstream_provider import UpstreamProvider

pytestmark = pytest.mark.each_database

SOURCE = FullName.parse("prod.ml_team.scorer")
SCORER = FullName.parse("vendor.ml_team.scorer")
PAGE = PageRequest()


async def test_sharing_it_further_is_up_to_the_provider(
    admin: AdminClient, vendor: UpstreamProvider, endpoint: str
) -> None:
    provider, theirs = admin.provider, vendor.admin
    await provider.shares.create(admin.context, "ours")
    with pytest.raises(ReadOnlyCatalog, match="who do not allow that it is shared further"):
        await provider.shares.add_model(admin.context, "ours", SCORER)
    with pytest.raises(ReadOnlyCatalog):
        await provider.shares.add_schema(admin.context, "ours", SCORER.schema_name)
    await theirs.provider.shares.update(theirs.context, "acme_share", resharing=True)
    await provider.shared_catalogs.sync(admin.context, "vendor")
    await provider.shares.add_model(admin.context, "ours", SCORER)
    _, code = await provider.recipients.create(admin.context, "initech")
    await provider.share_permissions.grant(admin.context, "ours", "initech")
    profile = await admin.activate(code, endpoint)
    initech = await provider.recipients.authenticate(
        provider.context(Caller(ANONYMOUS, "test")), profile.bearer_token
    )
    view = provider.context(Caller(initech, "test"))
    seen = await provider.recipient_view.resolve_alias(
        view, "ours", SharedName.parse("ml_team.scorer"), "Champion"
    )
    assert seen.version.origin is not None
    _, _, token = await provider.changes.list(view, "ours", "")
    await theirs.provider.shares.update(theirs.context, "acme_share", resharing=False)
    await provider.shared_catalogs.sync(admin.context, "vendor")
    with pytest.raises(NotFound):
        await provider.recipient_view.resolve_alias(
            view, "ours", SharedName.parse("ml_team.scorer"), "Champion"
        )
    assert not (await provider.recipient_view.list_models(view, "ours", None, PAGE)).items
    _, told, _ = await provider.changes.list(view, "ours", token)
    assert ChangeKind.SHARE_CHANGED in [change.kind for change in told.changes]


async def test_a_recall_there_is_a_recall_here(admin: AdminClient, vendor: UpstreamProvider) -> None:
    theirs = vendor.admin
    await theirs.provider.recalls.recall(theirs.context, SOURCE, 1, "wrong labels", 2)
    await admin.provider.shared_catalogs.sync(admin.context, "vendor")
    version = await admin.provider.versions.get(admin.context, SCORER, 1)
    assert version.recall is not None
    assert (version.recall.reason, version.recall.replacement) == ("wrong labels", 2)
    assert (await admin.provider.models.get(admin.context, SCORER)).aliases == {"Champion": 2}


async def test_what_was_fetched_is_not_served_once_the_share_is_withdrawn(
    admin: AdminClient, vendor: UpstreamProvider
) -> None:
    files = admin.provider.principal_files
    opened = await files.open_path(admin.context, SCORER, 1, "MLmodel")
    assert await content_of(admin, opened)
    theirs = vendor.admin
    await theirs.provider.share_permissions.revoke(theirs.context, "acme_share", "us")
    with pytest.raises(NotFound):
        await admin.provider.shared_catalogs.sync(admin.context, "vendor")
    with pytest.raises(UpstreamUnavailable, match="does not share it"):
        await files.open_path(admin.context, SCORER, 1, "MLmodel")


async def test_a_copy_is_ours_and_remembers_where_it_came_from(
    admin: AdminClient, vendor: UpstreamProvider, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "own"), "prod.ml_team.own")
    adopted = FullName.parse("prod.ml_team.adopted")
    copied = await admin.provider.copies.copy(admin.context, SCORER, 1, adopted)
    again = await admin.provider.copies.copy(
        admin.context, adopted, copied.version, FullName.parse("prod.ml_team.again")
    )
    await vendor.server.close()
    await admin.provider.catalogs.delete(admin.context, "vendor")
    for version in (copied, again):
        found = await admin.provider.versions.get(admin.context, version.full_name, version.version)
        assert found.origin is not None
        assert (found.origin.provider, found.origin.share, found.origin.model, found.origin.version) == (
            "acme",
            "acme_share",
            "ml_team.scorer",
            1,
        )
        opened = await admin.provider.principal_files.open_path(
            admin.context, version.full_name, version.version, "MLmodel"
        )
        assert await content_of(admin, opened)
        signature = await admin.provider.origin_signatures.check(
            admin.context, version.full_name, version.version
        )
        assert signature.key.fingerprint == found.origin_key
    with pytest.raises(InvalidState, match="was made in this metastore"):
        await admin.provider.origin_signatures.check(admin.context, FullName.parse("prod.ml_team.own"), 1)


@pytest.mark.parametrize(
    ("changed", "is_copy"),
    [
        ({"registered_model_meta": b"model_name: vendor.ml_team.scorer"}, True),
        ({"model.pkl": b"other weights"}, False),
        ({"more.bin": b"more"}, False),
    ],
    ids=["with MLflow's note", "with other weights", "with another file"],
)
async def test_what_is_uploaded_as_a_copy_keeps_the_origin_if_it_is_one(
    admin: AdminClient, vendor: UpstreamProvider, changed: dict[str, bytes], is_copy: bool
) -> None:
    """MLflow copies a version by downloading it and uploading it again, with a note beside it."""
    adopted, provider = FullName.parse("prod.ml_team.adopted"), admin.provider
    await provider.catalogs.create(admin.context, adopted.catalog)
    await provider.catalogs.create_schema(admin.context, adopted.schema_name)
    await provider.models.create(admin.context, adopted)
    pending = await provider.uploads.create(admin.context, adopted, NewVersion(source=f"models:/{SCORER}/1"))
    files = {"MLmodel": MLMODEL.encode(), "model.pkl": b"weights"} | changed
    for path, content in files.items():
        await provider.uploads.write(admin.context, pending, path, chunks(content))
    assert (await provider.finalization.finalize(admin.context, adopted, 1)).origin_provider == (
        "acme" if is_copy else ""
    )
    found = await provider.versions.get(admin.context, adopted, 1)
    theirs = await provider.versions.get(admin.context, SCORER, 1)
    if is_copy:
        assert (found.origin, found.digest) == (theirs.origin, theirs.digest)
        assert (await provider.origin_signatures.check(admin.context, adopted, 1)).num_files == 2
    else:
        assert found.origin is None
        assert found.digest != theirs.digest


async def content_of(admin: AdminClient, opened: OpenFile) -> bytes:
    signed_files = admin.provider.signed_files
    if opened.source is not None:
        await opened.source.locate(admin.context)
    return b"".join([bytes(piece) async for piece in signed_files.read(opened, 0, opened.size)])
