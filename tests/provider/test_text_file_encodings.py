"""Text files are read as editors write them, with byte order marks and Windows line endings."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from model_sharing_provider.configuration.sources import read_settings
from model_sharing_provider.keys import server_secrets
from model_sharing_provider.keys.signing_keys import SigningKeys
from model_sharing_provider.serving.sockets import tls_context
from support.network.certificates import self_signed_certificate

ENCODINGS = pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])


def saved_again(path: Path, encoding: str) -> Path:
    """The file as an editor on Windows writes it that was asked for this encoding."""
    text = path.read_bytes().decode().replace("\n", "\r\n")
    path.write_bytes(text.encode(encoding))
    return path


@ENCODINGS
def test_settings(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "model-sharing.toml"
    path.write_text("max_shares = 7\n# ünïcode\nserve_port = 9000\n", encoding="utf-8")
    read = read_settings(saved_again(path, encoding))
    assert (read.max_shares, read.port) == (7, 9000)


@ENCODINGS
def test_secrets_and_signing_keys(encoding: str, tmp_path: Path) -> None:
    secrets, keys = tmp_path / "secrets.json", tmp_path / "signing-keys.json"
    server_secrets.create(secrets)
    before = server_secrets.ServerSecrets(secrets).content, SigningKeys(keys).listed
    saved_again(secrets, encoding)
    saved_again(keys, encoding)
    assert (server_secrets.ServerSecrets(secrets).content, SigningKeys(keys).listed) == before


@ENCODINGS
def test_certificates(encoding: str, tmp_path: Path) -> None:
    pem = self_signed_certificate(tmp_path).read_text()
    key, _, chain = pem.partition("-----BEGIN CERTIFICATE")
    (tmp_path / "key.pem").write_text(key)
    (tmp_path / "chain.pem").write_text(f"-----BEGIN CERTIFICATE{chain}")
    both = saved_again(tmp_path / "acme.pem", encoding)
    apart = [saved_again(tmp_path / name, encoding) for name in ("chain.pem", "key.pem")]
    assert isinstance(tls_context(both, None), ssl.SSLContext)
    assert isinstance(tls_context(*apart), ssl.SSLContext)
