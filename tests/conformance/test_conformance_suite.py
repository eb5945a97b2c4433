"""The conformance suite of the protocol, against our server.

What our server is known to do otherwise is in `known_failures.txt`, by ids of requirements: the test fails
for each other violation, and for a line that is no longer true.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
import pytest
from aiohttp.test_utils import TestServer
from deltalake import write_deltalake
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_protocol.activation_links import API_PATH
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.artifacts.backends.opening import open_bucket
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.faces.application import make_app
from opensharing_conformance.client import Client
from opensharing_conformance.expectations import Expectations, parse_expectations
from opensharing_conformance.known_failures import read_known_failures
from opensharing_conformance.network import NetworkTransport
from opensharing_conformance.profiles import Profile, parse_profile
from opensharing_conformance.requirements import load_requirements
from opensharing_conformance.results import Report
from opensharing_conformance.runner import make_subject, run
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.network.certificates import self_signed_certificate
from support.object_stores.cloud_provider import aws_settings
from support.patience import PATIENCE
from support.skill_folder import write_skill

KNOWN_FAILURES = Path(__file__).with_name("known_failures.txt")
SKILLS = ("read-pdf", "write-pdf")
MODELS = ("prod.ml_team.scorer", "prod.ml_team.ranker", "prod.vision.tagger")


async def share_models(admin: AdminClient, folder: Path, server: TestServer) -> tuple[Profile, Expectations]:
    """Two shares of models with versions, ready and not, an alias, tables, and a share of somebody else."""
    provider, endpoint = admin.provider, str(server.make_url(PREFIX))
    files = write_model(folder)
    for model in MODELS:
        await admin.register(files, model, "Champion")
        await admin.register(files, model)
        await provider.uploads.create(admin.context, FullName.parse(model), NewVersion())
    code = await admin.share("acme", "globex", *MODELS)
    await admin.share("initech_only", "initech", MODELS[2])
    await provider.shares.create(admin.context, "second")
    await provider.shares.add_model(admin.context, "second", FullName.parse(MODELS[0]))
    await provider.share_permissions.grant(admin.context, "second", "globex")
    expired = await admin.activate(code, endpoint)
    code = await provider.recipients.rotate_token(admin.context, "globex", existing_expires_in=timedelta(0))
    profile = await admin.activate(code, endpoint)
    _, code = await provider.recipients.create(admin.context, "hooli")
    await provider.share_permissions.grant(admin.context, "acme", "hooli")
    link = str(server.make_url(f"{API_PATH}/{code}"))
    expected = parse_expectations(
        {
            "shares": [{"name": "acme", "schemas": _schemas()}, {"name": "second"}],
            "notGranted": ["initech_only"],
            "expiredToken": expired.bearer_token,
            "activationLink": link,
        }
    )
    return parse_profile(profile.to_json()), expected


def _schemas() -> list[dict[str, Any]]:
    about = {"versions": [1, 2], "notReady": [3], "aliases": {"Champion": 1}}
    system_tables = ["models", "model_versions", "model_aliases"]
    return [
        {"name": "ml_team", "models": [{"name": name, **about} for name in ("scorer", "ranker")]},
        {"name": "vision", "models": [{"name": "tagger", **about}]},
        {"name": "agents", "skills": list(SKILLS)},
        {"name": "information_schema", "tables": system_tables},
    ]


async def report_on(profile: Profile, expected: Expectations, certificate: Path | None = None) -> Report:
    """Run the suite as its command line does, beside the server's event loop."""
    tls = ssl.create_default_context(cafile=certificate)
    client = Client(profile.endpoint, profile.token, NetworkTransport(PATIENCE, tls))
    subject = make_subject(profile, client, expected)
    requirements = load_requirements()
    known = read_known_failures(KNOWN_FAILURES, requirements)
    return await asyncio.to_thread(run, subject, requirements.of_side("server"), known)


def not_conformant(report: Report) -> list[tuple[str, str, str]]:
    return [
        (result.requirement.id, result.outcome, result.reason)
        for result in report.results
        if result.outcome not in ("pass", "skip", "known")
    ]


@pytest.fixture
def settings(provider_home: Path, tmp_path: Path) -> Settings:
    return Settings(provider_home, external_locations=(tmp_path.as_uri(),))


def write_assets(lake: Path) -> None:
    """A Delta table with two versions, files for a volume, and two agent skills."""
    for _ in range(2):
        write_deltalake(str(lake / "flowers"), pa.table({"petals": [4, 5]}), mode="append")
    (lake / "prompts").mkdir()
    (lake / "prompts" / "one.txt").write_text("Why?")
    write_skill(lake / "read-pdf")
    write_skill(lake / "write-pdf", "name: write-pdf\ndescription: Writes PDF files.\n")


async def share_assets(admin: AdminClient, lake: str) -> None:
    """A table, a volume and skills, in schemas of their own."""
    shares = admin.provider.shares
    await shares.add_table(admin.context, "acme", f"{lake}/flowers", SharedName("training", "flowers"))
    await shares.add_volume(admin.context, "acme", f"{lake}/prompts", SharedName("training", "prompts"))
    for skill in SKILLS:
        await shares.add_skill(admin.context, "acme", f"{lake}/{skill}", SharedName("agents", skill))


async def test_our_server_conforms_over_tls(
    admin: AdminClient, aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    certificate = self_signed_certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    server = await aiohttp_server(make_app(admin.provider), ssl=tls)
    profile, expected = await share_models(admin, tmp_path / "m", server)
    write_assets(tmp_path / "lake")
    await share_assets(admin, (tmp_path / "lake").as_uri())
    report = await report_on(profile, expected, certificate)
    assert not_conformant(report) == []
    assert report.exit_code == 0
    tested = {r.requirement.class_name for r in report.results if r.outcome == "pass"}
    assert {"tables-url", "volumes", "skills"} <= tested
    # URLs of files are HTTPS where the server is.
    assert [r.outcome for r in report.results if r.requirement.id == "OS-TABLES-088"] == ["pass"]


async def test_our_server_conforms_in_a_bucket(
    bucket: str, aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    write_assets(tmp_path / "lake")
    for path in (tmp_path / "lake").rglob("*"):
        if path.is_file():
            name = path.relative_to(tmp_path).as_posix()
            await obstore.put_async(open_bucket(bucket).client, name, path.read_bytes())
    settings = replace(aws_settings(tmp_path / "home", bucket), external_locations=(f"{bucket}/lake",))
    async with open_provider(settings) as provider:
        admin, server = AdminClient.of(provider), await aiohttp_server(make_app(provider))
        profile, expected = await share_models(admin, tmp_path / "m", server)
        await share_assets(admin, f"{bucket}/lake")
        report = await report_on(profile, expected)
    assert not_conformant(report) == []
    passed = [r.requirement for r in report.results if r.outcome == "pass"]
    assert {"models-dir", "activation", "volumes", "skills"} <= {each.class_name for each in passed}
    # Credentials, which a local folder does not have.
    assert {"OS-VOLUMES-057", "OS-SKILLS-057", "OS-SKILLS-065"} <= {each.id for each in passed}
