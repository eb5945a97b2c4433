"""Token of a provider whose share is a catalog here: kept encrypted, and told to nobody but that provider."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_sharing_protocol.errors import NotFound, SharingError
from model_sharing_protocol.names import FullName
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.upstream_provider import running_upstream

pytestmark = pytest.mark.each_database

SCORER = FullName.parse("vendor.ml_team.scorer")


async def test_the_token_is_in_no_row_file_log_or_message(
    admin: AdminClient,
    provider_home: Path,
    started_home: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """While all is well, after the share was withdrawn, and once the provider is away."""
    provider, said = admin.provider, []
    async with running_upstream(tmp_path / "upstream", started_home) as upstream:
        theirs = upstream.admin
        await theirs.register(write_model(tmp_path / "m"), "prod.ml_team.scorer", "Champion")
        await theirs.share("acme_share", "others", "prod.ml_team.scorer")
        profile = await upstream.profile_for("us", "acme_share")
        said.append(repr(await provider.providers.create(admin.context, "acme", profile)))
        said.append(
            repr(await provider.shared_catalogs.create(admin.context, "vendor", "acme", "acme_share"))
        )
        await theirs.provider.share_permissions.revoke(theirs.context, "acme_share", "us")
        with pytest.raises(NotFound) as withdrawn:
            await provider.shared_catalogs.sync(admin.context, "vendor")
    with pytest.raises(SharingError) as away:
        await provider.shared_catalogs.sync(admin.context, "vendor")
    said += [str(withdrawn.value), str(away.value), caplog.text]
    async with provider.database.read() as rows:
        mirror = (await rows.registry_reads.mirrors())["vendor"]
        events = await rows.audit_log.latest(1000)
        said += [repr(mirror), mirror.sealed_profile, repr(events), repr(await rows.models.find(SCORER))]
    files = b"".join(path.read_bytes() for path in provider_home.rglob("*") if path.is_file())
    token = json.loads(profile)["bearerToken"]
    assert "acme_share" in repr(mirror)
    assert token not in "".join(said)
    assert token.encode() not in files
