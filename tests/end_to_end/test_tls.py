"""The whole way over TLS, with a certificate of the provider's own authority."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.model_folder import write_model
from support.network.certificates import self_signed_certificate

BIN = Path(sys.executable).parent
WEIGHTS = bytes(range(256)) * 80_000


def run(program: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / program, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_model_is_shared_and_fetched_over_tls(tmp_path: Path) -> None:
    pem = self_signed_certificate(tmp_path)
    home = tmp_path / "provider"
    at_acme = {"MODEL_SHARING_PROVIDER_HOME": str(home)}
    at_globex = {"MODEL_SHARING_HOME": str(tmp_path / "globex"), "SSL_CERT_FILE": str(pem)}

    def acme(*arguments: str | Path) -> str:
        done = run("model-sharing-provider", *arguments, **at_acme)
        assert done.returncode == 0, done.stderr
        return done.stdout

    acme("catalog", "create", "prod")
    acme("schema", "create", "prod.ml_team")
    folder = write_model(tmp_path / "m", {"model.pkl": WEIGHTS})
    acme("model", "register", folder, "prod.ml_team.scorer", "--alias", "Champion")
    acme("share", "create", "acme")
    acme("share", "add-model", "acme", "prod.ml_team.scorer")
    command: list[str | Path] = [
        BIN / "model-sharing-provider",
        "serve",
        "--port",
        "0",
        "--tls-certificate",
        pem,
    ]
    with subprocess.Popen(command, env={**os.environ, **at_acme}, stderr=subprocess.DEVNULL) as server:
        try:
            while not (home / "server.url").exists():
                assert server.poll() is None
                time.sleep(0.05)
            link = acme("recipient", "create", "globex").strip()
            acme("share", "grant", "acme", "globex")
            assert link.startswith("https://")
            stranger = run("model-sharing", "activate", link, tmp_path / "no.share", MODEL_SHARING_HOME="x")
            assert stranger.returncode == 8
            assert "certificate" in stranger.stderr.lower()
            for arguments in (
                ("activate", link, tmp_path / "globex.share"),
                ("mount", tmp_path / "globex.share", "acme", "--as", "vendor"),
                ("download", "models:/vendor.ml_team.scorer@Champion", tmp_path / "got"),
            ):
                done = run("model-sharing", *arguments, **at_globex)
                assert done.returncode == 0, done.stderr
        finally:
            server.terminate()
    profile = json.loads((tmp_path / "globex.share").read_bytes())
    assert profile["endpoint"].startswith("https://127.0.0.1:")
    assert (tmp_path / "got" / "model.pkl").read_bytes() == WEIGHTS


@pytest.mark.parametrize("arguments", [["--tls-key", "m.pem"], ["--tls-certificate", "m.pem"]])
def test_a_certificate_that_is_none_is_named(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "m.pem").write_text("not a certificate")
    home = str(tmp_path / "home")
    done = subprocess.run(
        [BIN / "model-sharing-provider", "serve", *arguments],
        cwd=tmp_path,
        env={**os.environ, "MODEL_SHARING_PROVIDER_HOME": home},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "tls-certificate" in done.stderr or "cannot be used" in done.stderr
