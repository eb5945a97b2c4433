"""The provider's disk fills up: a clear error, nothing half there, and what was there is served as before."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import model_sharing
from model_sharing_protocol.errors import ServerUnreachable
from model_sharing_protocol.files_api import PREFIX as FILES
from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.versions import NewVersion
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.processes.provider import MODEL, SHARE, ProviderProcess, as_admin, share_model, write_profile_for
from support.provider_cli import CliRunner
from support.small_disk import fill, small_disk

MIB = 1024 * 1024
REF = "models:/vendor.ml_team.scorer@Champion"
WEIGHTS = os.urandom(MIB)
JSON = ("--output", "json")


@dataclass(frozen=True)
class Small:
    """A provider whose home is on a disk of 24 MiB, and a recipient of its one small version."""

    home: Path
    provider: ProviderProcess
    vendor: model_sharing.Catalog

    def stored(self) -> set[str]:
        return {str(path) for path in (self.home / "artifacts").rglob("*") if path.is_file()}

    def served(self) -> bytes:
        """The weights, as the recipient has them: its cache has to ask, and verifies."""
        return (self.vendor.snapshot(REF, verify=True).folder / "weights.bin").read_bytes()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    with small_disk(tmp_path / "disk", 24) as disk:
        home = disk / "home"
        token = share_model(home, write_model(tmp_path / "m", {"weights.bin": WEIGHTS}))
        with ProviderProcess(home) as provider:
            profile = write_profile_for(tmp_path / "globex.share", token, provider.port)
            yield Small(home, provider, model_sharing.mount(profile, share=SHARE, name="vendor"))


@pytest.fixture
def cli(small: Small, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CliRunner:
    return CliRunner(small.home, monkeypatch, capsys)


def test_a_version_that_does_not_fit_leaves_nothing_and_the_one_before_is_served(
    small: Small, cli: CliRunner, tmp_path: Path
) -> None:
    before = small.stored()
    large = write_model(tmp_path / "large", {"weights.bin": os.urandom(40 * MIB)})
    done = cli("model", "register", str(large), MODEL, "--alias", "Champion")
    assert (done.code, done.err.count("\n")) == (11, 1)
    assert "free some space" in done.err
    assert small.stored() == before
    assert small.served() == WEIGHTS
    assert [
        version["version"] for version in cli.succeed("model", "show", MODEL, *JSON).json["versions"]
    ] == [1]


def test_an_upload_that_does_not_fit_is_refused_and_the_server_goes_on(small: Small) -> None:
    token = (small.home / "admin.token").read_text()

    def put(size: int) -> int:
        url = f"http://127.0.0.1:{small.provider.port}{FILES}/files/Models/prod/ml_team/scorer/2/weights.bin"
        request = urllib.request.Request(url, b"x" * size, method="PUT")
        request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                assert b"INVALID_STATE" in error.read()
            return error.code

    async def begin(admin: AdminClient) -> None:
        await admin.provider.uploads.create(admin.context, FullName.parse(MODEL), NewVersion())

    as_admin(small.home, begin)
    before = small.stored()
    assert put(40 * MIB) == 507
    assert small.stored() == before
    assert small.served() == WEIGHTS
    assert put(MIB) == 200


def test_without_room_for_the_audit_log_nothing_is_answered_and_with_room_all_goes_on(
    small: Small, cli: CliRunner, tmp_path: Path
) -> None:
    filler = fill(small.home)
    with pytest.raises(ServerUnreachable, match="disk of the provider's database is full"):
        small.served()
    for command in (["alias", "set", MODEL, "Next", "1"], ["register", str(tmp_path / "m"), MODEL]):
        done = cli("model", *command)
        assert (done.code, done.err.count("\n")) == (11, 1), done.err
    filler.unlink()
    assert small.served() == WEIGHTS
    cli.succeed("model", "register", str(tmp_path / "m"), MODEL)
    assert [
        version["version"] for version in cli.succeed("model", "show", MODEL, *JSON).json["versions"]
    ] == [1, 2]
    assert cli.succeed("fsck").code == 0
