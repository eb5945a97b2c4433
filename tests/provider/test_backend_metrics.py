"""Metrics of database, artifact store, signed URLs, finalizing and expiry: measured where it happens."""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from prometheus_client import REGISTRY

from model_sharing_protocol.errors import AlreadyExists, ArtifactStoreUnavailable, InvalidModel, NotFound
from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_provider.artifacts.signed_urls import UrlSigner
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.signed_urls import Ticket
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.faces import application
from model_sharing_provider.http.backend_metrics import count_report
from model_sharing_provider.http.metrics import OTHER, BoundedLabels
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.metastore.database import Database
from model_sharing_provider.services.registry.updates import NO_CHANGE
from model_sharing_provider.serving.expiry import certificate_expiry, show_certificate, show_inventory
from model_sharing_provider.telemetry.reports import Measured, Report, listen, stop_listening
from support.admin_client import AdminClient
from support.model_folder import MLMODEL, write_model
from support.network.certificates import self_signed_certificate
from support.object_stores.cloud_provider import FILES, VERSION, CloudProvider
from support.principals import create_user
from support.processes.provider import ProviderProcess

pytestmark = pytest.mark.each_database

NAME = "prod.ml_team.scorer"


@pytest.fixture
def reports() -> Iterator[list[Report]]:
    """Reports since the test began, and is counted as a server counts it."""
    found: list[Report] = []
    listen(found.append)
    listen(count_report)
    yield found
    stop_listening(found.append)


def of(reports: list[Report], measured: Measured, **labels: str) -> list[Report]:
    return [each for each in reports if each.measured is measured and labels.items() <= each.labels.items()]


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_who_waits_to_write_is_seen_apart_from_who_works(
    admin: AdminClient, provider_home: Path, reports: list[Report]
) -> None:
    database: Database = admin.provider.database
    reports.clear()

    async def hold(seconds: float) -> None:
        async with database.write():
            await asyncio.sleep(seconds)

    await asyncio.gather(hold(0.3), hold(0.3))
    turns = [report.amount for report in of(reports, Measured.DATABASE_WAIT, kind="turn")]
    held = [report.amount for report in of(reports, Measured.DATABASE, kind="transaction")]
    assert len(turns) == len(held) == 2
    # One waited for the other, and neither's own time holds the other's.
    assert min(turns) < 0.2 < max(turns)
    assert all(0.3 <= seconds < 0.3 + max(turns) for seconds in held)
    assert len(of(reports, Measured.DATABASE_WAIT, kind="connection")) == 2
    statements = of(reports, Measured.DATABASE, kind="statement")
    assert statements, "each names its change"
    # Neither BEGIN, nor the lock that is waited for, is a statement.
    assert max(report.amount for report in statements) < 0.25


async def test_reads_and_events_of_the_hot_path_are_timed(admin: AdminClient, reports: list[Report]) -> None:
    before = value("model_sharing_database_seconds_count", kind="append")
    await admin.provider.catalogs.create(admin.context, "prod")
    with pytest.raises(NotFound):
        await admin.provider.catalogs.get_schema(admin.context, SchemaName.parse("prod.nothing"))
    assert of(reports, Measured.DATABASE, kind="append")
    assert value("model_sharing_database_seconds_count", kind="append") > before


async def test_errors_of_the_database_are_counted_by_what_they_mean(
    admin: AdminClient, reports: list[Report]
) -> None:
    before = value("model_sharing_database_errors_total", error="AlreadyExists")

    async def create() -> None:
        async with admin.provider.database.write() as rows:
            principal = await rows.principals.find_administrator()
            assert principal is not None
            await rows.principals.add(principal, 1)

    with pytest.raises(AlreadyExists):
        await create()
    assert value("model_sharing_database_errors_total", error="AlreadyExists") == before + 1


@pytest.mark.parametrize("bucket", ["s3"], indirect=True)
async def test_calls_of_a_bucket_have_its_kind_and_what_was_asked_for(
    bucket: str, reports: list[Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArtifactStore(f"{bucket}/root")
    await store.put_bytes("a/b", b"0123456789")
    await store.size("a/b")
    await store.get_bytes("a/b")
    assert b"".join([bytes(piece) async for piece in store.read("a/b", 2, 5)]) == b"234"
    await store.presign(["a/b"], 60)
    await store.link("a/b", "a/c")
    assert len(await store.files_below("a")) == 2
    await store.delete("a/c")
    asked = [report.labels["operation"] for report in of(reports, Measured.ARTIFACT_STORE, kind="s3")]
    assert set(asked) == {"put", "head", "get", "read", "sign", "copy", "list", "delete"}
    assert not [report for report in reports if report.error]

    failing = {"kind": "s3", "operation": "get", "error": "FileNotFoundError"}
    before = value("model_sharing_artifact_store_errors_total", **failing)
    with pytest.raises(NotFound):
        await store.get_bytes("a/c")
    assert value("model_sharing_artifact_store_errors_total", **failing) == before + 1

    reports.clear()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ArtifactStoreUnavailable):
        await ArtifactStore(f"{bucket}/root").put_bytes("x", b"")
    (failed,) = of(reports, Measured.ARTIFACT_STORE, kind="s3", operation="put")
    assert failed.error


async def test_calls_of_a_folder_are_counted_too(tmp_path: Path, reports: list[Report]) -> None:
    store = ArtifactStore(f"file://{tmp_path}/root")
    await store.put_bytes("a/b", b"x" * 10)
    assert len(b"".join([bytes(piece) async for piece in store.read("a/b", 0, 10)])) == 10
    await store.move("a/b", "a/c")
    await store.sync("a")
    assert await store.delete_below("a") == 1
    asked = {report.labels["operation"] for report in of(reports, Measured.ARTIFACT_STORE, kind="local")}
    assert asked == {"put", "read", "rename", "sync", "list", "delete"}


async def get(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


async def test_urls_that_open_nothing_are_counted_by_reason(
    admin: AdminClient,
    server: TestServer,
    endpoint: str,
    provider_home: Path,
    tmp_path: Path,
    reports: list[Report],
) -> None:
    version = await admin.register(write_model(tmp_path / "m"), NAME)
    await admin.activate(await admin.share("acme", "globex", NAME), endpoint)
    signer = UrlSigner(ServerSecrets(provider_home / "secrets.json"))
    digest = "0" * 64
    resource = f"versions/{version.id}/{digest}"

    def signed(seconds: float = 60) -> str:
        ticket = Ticket(resource, "no-grant", "no-token", 0, int(time.time() + seconds))
        return f"{server.make_url('/artifacts')}/{signer.sign(ticket)}"

    own = Ticket(f"files/{version.id}/{digest}", "", "no-token", 0, int(time.time() + 60))
    urls = {
        signed().partition("?")[0]: "malformed",
        signed().replace("expires=", "expires=x"): "malformed",
        signed().replace("key=", "key=x"): "unknown_key",
        signed().replace("revision=0", "revision=1"): "wrong_signature",
        signed(-5): "expired",
        signed(): "access_ended",
        f"{server.make_url('/artifacts')}/{signer.sign(own)}": "access_ended",
    }
    for url, reason in urls.items():
        reports.clear()
        before = value("model_sharing_refused_urls_total", reason=reason)
        assert await get(url) == 403, url
        assert [report.labels["reason"] for report in of(reports, Measured.REFUSED_URLS)] == [reason], url
        assert value("model_sharing_refused_urls_total", reason=reason) == before + 1


async def test_finalizing_is_timed_by_how_it_ends(admin: AdminClient, reports: list[Report]) -> None:
    name = FullName.parse(NAME)
    await admin.provider.catalogs.create(admin.context, name.catalog)
    await admin.provider.catalogs.create_schema(admin.context, name.schema_name)
    await admin.provider.models.create(admin.context, name)

    async def content(of_file: str) -> AsyncIterator[bytes]:
        yield of_file.encode()

    for mlmodel, outcome in ((MLMODEL, "OK"), ("flavors: {}", "FAILED")):
        before = value("model_sharing_finalize_seconds_count", outcome=outcome)
        version = await admin.provider.uploads.create(admin.context, name, NewVersion(source="runs:/1/model"))
        await admin.provider.uploads.write(admin.context, version, "MLmodel", content(mlmodel))
        try:
            await admin.provider.finalization.finalize(admin.context, name, version.version)
        except InvalidModel:
            assert outcome == "FAILED"
        assert value("model_sharing_finalize_seconds_count", outcome=outcome) == before + 1


async def test_bytes_that_the_bucket_sends_are_counted_as_issued_not_as_sent(cloud: CloudProvider) -> None:
    whose = {"share": "acme", "recipient": "globex"}
    issued = value("model_sharing_file_issued_bytes_total", **whose)
    sent = value("model_sharing_file_sent_bytes_total", **whose)
    assert (await _query(cloud)) == 200
    size = sum(map(len, FILES.values())) + len(MLMODEL)
    assert value("model_sharing_file_issued_bytes_total", **whose) == issued + size
    assert value("model_sharing_file_sent_bytes_total", **whose) == sent


async def test_a_url_that_is_used_from_elsewhere_is_counted(
    admin: AdminClient, endpoint: str, tmp_path: Path, reports: list[Report]
) -> None:
    await admin.register(write_model(tmp_path / "m"), NAME)
    profile = await admin.activate(await admin.share("acme", "globex", NAME), endpoint)
    query = f"{endpoint}/shares/acme/schemas/ml_team/models/scorer/versions/1/query"
    headers = {"Authorization": f"Bearer {profile.bearer_token}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.post(query, json={}) as answer:
        url = json.loads((await answer.read()).splitlines()[2])["file"]["url"]
    assert not of(reports, Measured.ISSUED_BYTES), "these come through the server"
    assert await get(url) == 200
    await admin.provider.recipients.update(admin.context, "globex", NO_CHANGE, ["192.0.2.0/24"])
    assert await get(url) == 403
    assert [report.labels["reason"] for report in of(reports, Measured.REFUSED_URLS)] == ["address"]


async def _query(cloud: CloudProvider) -> int:
    url = cloud.server.make_url(f"/delta-sharing{VERSION}/query")
    headers = {"Authorization": f"Bearer {cloud.token}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.post(url, json={}) as answer:
        return answer.status


async def test_what_expires_next_is_known(admin: AdminClient, tmp_path: Path) -> None:
    expiry, soon = "model_sharing_expiry_timestamp_seconds", "model_sharing_expiring_within_7_days"
    await show_inventory(admin.provider.inventory)
    assert value(expiry, kind="recipient_token") == math.inf
    assert value(soon, kind="recipient_token") == 0
    recipients = admin.provider.recipients
    for name, days in (("globex", 30), ("initech", 3), ("hooli", 1)):
        _, code = await recipients.create(admin.context, name, lifetime=timedelta(days=days))
        if name != "hooli":  # whose link was never opened: nothing ends for it
            await admin.activate(code, "http://x")
    # The old token goes tomorrow, as it should: the new one is what counts.
    code = await recipients.rotate_token(admin.context, "globex", existing_expires_in=timedelta(days=1))
    await admin.activate(code, "http://x")
    await create_user(admin, "ann@example.com")
    await show_inventory(admin.provider.inventory)
    in_days = (value(expiry, kind="recipient_token") - time.time()) / 86400
    assert 2.9 < in_days < 3.1
    assert value(soon, kind="recipient_token") == 1
    await admin.provider.signing.rotate(admin.context)
    await show_inventory(admin.provider.inventory)
    created = value("model_sharing_signing_key_created_timestamp_seconds")
    assert abs(time.time() - created) < 120
    assert show_certificate(None) is None
    ends = datetime.fromtimestamp(show_certificate(self_signed_certificate(tmp_path)) or 0, UTC)
    assert value(expiry, kind="tls_certificate") == ends.timestamp()
    assert timedelta(hours=23) < ends - datetime.now(UTC) < timedelta(hours=25)


def test_a_server_says_when_the_certificate_expires_that_it_serves(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    options, pem = ("--metrics-port", "0"), self_signed_certificate(tmp_path / "tls")
    with ProviderProcess(tmp_path / "home", pem, options=options, log=tmp_path / "log") as process:
        found = re.search(r"Metrics on (\S+)", process.said)
        assert found is not None
        with urllib.request.urlopen(found[1], timeout=60) as answer:
            lines = answer.read().decode().splitlines()
    shown = dict(line.rsplit(" ", 1) for line in lines if "tls_certificate" in line)
    expires = float(shown['model_sharing_expiry_timestamp_seconds{kind="tls_certificate"}'])
    assert abs(expires - certificate_expiry(pem)) < 1
    assert shown['model_sharing_expiring_within_7_days{kind="tls_certificate"}'] == "1.0"


async def test_the_same_shares_have_labels_after_each_start(admin: AdminClient) -> None:
    for number in range(4):
        await admin.share(f"share{number}", f"recipient{number}")
    inventory = admin.provider.inventory
    oldest = await inventory.oldest_grants(3)
    assert list(oldest) == [(f"share{number}", f"recipient{number}") for number in range(3)]
    for first_asked in (3, 0):
        names = BoundedLabels(3)
        names.reserve(await inventory.oldest_grants(3))
        assert names.labels(f"share{first_asked}", f"recipient{first_asked}") == (
            ("share0", "recipient0") if first_asked == 0 else (OTHER, OTHER)
        )


async def test_a_server_keeps_labels_for_them_before_it_is_asked(
    admin: AdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await admin.share(f"share{number}", f"recipient{number}")
    names = BoundedLabels(2)
    monkeypatch.setattr(application, "share_labels", names)
    async with TestServer(application.make_app(admin.provider)):
        assert names.labels("share2", "recipient2") == (OTHER, OTHER)
        assert names.labels("share1", "recipient1") == ("share1", "recipient1")


async def test_requests_are_timed_by_route_and_an_unknown_path_is_a_404(
    server: TestServer, endpoint: str
) -> None:
    timed, counted = "model_sharing_request_seconds_count", "model_sharing_requests_total"
    route = {"face": "open-sharing", "route": "/delta-sharing/shares/{share}"}
    before = value(timed, **route)
    assert await get(f"{endpoint}/shares/secret-name") == 401
    assert value(timed, **route) == before + 1
    unknown = {"face": "none", "route": "unknown", "method": "GET"}
    before, failed = value(counted, **unknown, status="404"), value(counted, **unknown, status="500")
    parts = urlsplit(endpoint)
    for path in ("/no", "/nowhere", "/%2e%2e/x", "/metrics", "/ready/more"):
        assert await get(urlunsplit(parts._replace(path=path))) == 404
    assert value(counted, **unknown, status="404") == before + 5
    assert value(counted, **unknown, status="500") == failed
