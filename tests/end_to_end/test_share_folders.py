"""Volumes and agent skills over a real socket: share them, list them, and download them elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import model_sharing
from model_sharing_protocol.errors import NotFound, TermsNotAccepted
from model_sharing_protocol.names import SharedName
from model_sharing_protocol.profile import write_profile
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.securables import SecurableType
from support.admin_client import AdminClient
from support.files import random_bytes
from support.skill_folder import write_skill

FILES = {"one.txt": b"Why?", "more/two ü.txt": b"How?", "weights.bin": random_bytes(40_000_000)}


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    lake = tmp_path / "lake"
    for path, content in FILES.items():
        (lake / "prompts" / path).parent.mkdir(parents=True, exist_ok=True)
        (lake / "prompts" / path).write_bytes(content)
    write_skill(lake / "read-pdf")
    return lake


@pytest.fixture
def settings(provider_home: Path, lake: Path) -> Settings:
    return Settings(provider_home, external_locations=(lake.as_uri(),))


@pytest.fixture
async def profile(admin: AdminClient, endpoint: str, lake: Path, tmp_path: Path) -> Path:
    shares, context = admin.provider.shares, admin.context
    code = await admin.share("acme", "globex")
    volume, skill = SharedName("evaluation", "prompts"), SharedName("agents", "read-pdf")
    await shares.add_volume(context, "acme", (lake / "prompts").as_uri(), volume)
    await shares.add_skill(context, "acme", (lake / "read-pdf").as_uri(), skill)
    write_profile((await admin.activate(code, endpoint)).to_json(), tmp_path / "globex.share")
    return tmp_path / "globex.share"


async def test_a_recipient_finds_and_downloads_them(
    admin: AdminClient, profile: Path, lake: Path, tmp_path: Path
) -> None:
    def first() -> model_sharing.Catalog:
        vendor = model_sharing.mount(profile, share="acme", name="vendor")
        (skill,) = vendor.list_skills()
        assert (skill.full_name, skill.license) == ("vendor.agents.read-pdf", "Apache-2.0")
        assert skill.description.startswith("Reads PDF files.") and skill.metadata == {"version": "1.0"}
        assert vendor.list_skills("evaluation") == []
        assert [volume.uri for volume in vendor.list_volumes()] == ["volumes:/vendor.evaluation.prompts"]
        vendor.download_volume("evaluation.prompts", tmp_path / "prompts")
        vendor.download_skill("agents.read-pdf", tmp_path / "read-pdf")
        return vendor

    vendor = await asyncio.to_thread(first)
    assert {path: (tmp_path / "prompts" / path).read_bytes() for path in FILES} == FILES
    for path in ("SKILL.md", "scripts/read.py"):
        assert (tmp_path / "read-pdf" / path).read_bytes() == (lake / "read-pdf" / path).read_bytes()
    events = await admin.provider.audit.latest(admin.context, 100, recipient="globex")
    assert {AuditAction.DELTA_SHARING_QUERY_SKILL, AuditAction.DELTA_SHARING_QUERY_VOLUME} <= {
        event.action for event in events
    }
    await admin.provider.provider_terms.set(
        admin.context, SecurableType.SHARE, "acme", version="1", text="For evaluation only."
    )
    with pytest.raises(TermsNotAccepted):
        await asyncio.to_thread(vendor.download_volume, "evaluation.prompts", tmp_path / "again")
    await admin.provider.shares.remove(admin.context, "acme", "agents.read-pdf")
    with pytest.raises(NotFound):
        await asyncio.to_thread(vendor.download_skill, "agents.read-pdf", tmp_path / "again")
    assert not (tmp_path / "again").exists()
