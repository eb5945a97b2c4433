"""Every test has a home of its own and a fake provider to talk to."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import model_sharing
from model_sharing.api import blocking
from model_sharing.cache.store import Cache
from model_sharing.cli import main
from support.cached_versions import NAME, files_of, set_last_used
from support.fake_provider.models import SHARE, manifest_of
from support.fake_provider.server import FakeProvider
from support.patience import PATIENCE
from support.recipient_cli import RunCli


@pytest.fixture(scope="session")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Tracking store, which MLflow's client insists on; made once, since that takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('tracking')}/mlflow.db"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tracking_uri: str) -> Iterator[Path]:
    folder = tmp_path / "home"
    monkeypatch.setenv("MODEL_SHARING_HOME", str(folder))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri)
    monkeypatch.delenv("MODEL_SHARING_JOBS", raising=False)
    monkeypatch.setenv("MODEL_SHARING_RETRY_FOR", "1s")
    monkeypatch.delenv("MODEL_SHARING_PROFILE", raising=False)
    yield folder
    blocking.close()


@pytest.fixture
def fake_provider() -> Iterator[FakeProvider]:
    with FakeProvider() as fake_provider:
        yield fake_provider


@pytest.fixture
def profile(fake_provider: FakeProvider, tmp_path: Path) -> Path:
    path = tmp_path / "globex.share"
    path.write_bytes(fake_provider.profile())
    return path


@pytest.fixture
def vendor(fake_provider: FakeProvider, profile: Path) -> model_sharing.Catalog:
    """The fake provider's share, mounted as `vendor` without trust."""
    return model_sharing.mount(profile, share=SHARE, name="vendor")


@pytest.fixture
def run_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunCli:
    """Run `model-sharing` inside the test's own process, since starting one takes longer than most commands.

    `typed` is what comes on standard input.
    """
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path, typed: bytes = b"") -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["model-sharing", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed)))
        with pytest.raises(SystemExit) as ended:
            main()
        blocking.close()
        written = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), written.out, written.err)

    return run


@pytest.fixture
def run_cli_process(tmp_path: Path) -> RunCli:
    """Run `model-sharing` in a process of its own, for tests of logs, signals and the environment."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "model_sharing.cli", *map(str, arguments)]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    return run


@pytest.fixture
def cache(home: Path) -> Cache:
    return Cache(home / "cache")


@pytest.fixture
def three_cached_versions(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> list[str]:
    """Versions 1 to 3 are cached and held by nobody; version 1 was used three days ago, 3 one day ago."""
    for version in (1, 2, 3):
        fake_provider.publish(NAME, version, files_of(version), f"V-{version}")
    model_sharing.pull("vendor")
    digests = [manifest_of(files_of(version)).digest for version in (1, 2, 3)]
    for age, digest in zip((3, 2, 1), digests, strict=True):
        set_last_used(cache, digest, days_ago=age)
    fake_provider.requests.clear()
    return digests
