"""The file of CDNs and their keys: what is refused, and what commands say about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from model_sharing_protocol.errors import InvalidState
from model_sharing_provider.artifacts.backends.opening import open_bucket
from model_sharing_provider.keys.cdns import CdnTable
from support.object_stores.cdn_keys import KEY_KINDS, write_cdn_file
from support.object_stores.signed_edge import SignedEdge, cloudfront
from support.provider_cli import CliRunner

P256 = ec.generate_private_key(ec.SECP256R1())


def pem(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


ROW: dict[str, object] = {
    "location": "s3://models/prod",
    "kind": "cloudfront",
    "url": "https://d111111abcdef8.cloudfront.net/prod/",
    "key_id": "K2JCJMDEHXQW5F",
    "key_file": "key.pem",
}


@pytest.fixture
def cdn_file(tmp_path: Path) -> Path:
    (tmp_path / "key.pem").write_bytes(pem(P256))
    (tmp_path / "key.pem").chmod(0o600)
    return tmp_path / "cdns.toml"


def test_a_cdn_as_it_is_written(cdn_file: Path) -> None:
    write_cdn_file(cdn_file, ROW, ROW | {"location": "s3://lake/", "in_use": False})
    first, second = CdnTable(cdn_file).cdns
    assert (first.location, first.url) == ("s3://models/prod", "https://d111111abcdef8.cloudfront.net/prod")
    assert (second.location, second.in_use) == ("s3://lake", False)
    assert "EllipticCurve" not in repr(first) and "PRIVATE" not in repr(first)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"location": "file:///srv/models"}, "a CDN delivers what is in a bucket"),
        ({"location": "models"}, "'models' is not an external location"),
        ({"kind": "akamai"}, "akamai"),
        ({"url": "d111111abcdef8.cloudfront.net"}, "is not the URL of a CDN"),
        ({"url": "https://cdn.example/?a=b"}, "is not the URL of a CDN"),
        ({"url": "https://user@cdn.example"}, "is not the URL of a CDN"),
        ({"key_id": "K&Policy=x"}, "is not the id of a key"),
        ({"hash": "md5"}, "md5"),
        ({"key_fil": "x"}, "key_fil"),
        ({"key_file": "gone.pem"}, "gone.pem cannot be used"),
    ],
)
def test_what_cannot_be_meant_is_refused(cdn_file: Path, changed: dict[str, object], said: str) -> None:
    write_cdn_file(cdn_file, ROW | changed)
    with pytest.raises(InvalidState, match="cannot be used") as refusal:
        CdnTable(cdn_file)
    assert said in refusal.value.message


def test_two_cdns_for_one_location_are_refused(cdn_file: Path) -> None:
    write_cdn_file(cdn_file, ROW, ROW | {"location": "s3://models/prod/"})
    with pytest.raises(InvalidState, match="more than one CDN for s3://models/prod"):
        CdnTable(cdn_file)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("cloudfront", pem(rsa.generate_private_key(65537, 1024))),
        ("cloudfront", pem(ec.generate_private_key(ec.SECP384R1()))),
        ("cloudfront", b"secret-words"),
        ("media-cdn", pem(P256)),
        ("cloud-cdn", b"c2VjcmV0LXdvcmRz"),
        ("cloud-cdn", b"secret words!"),
    ],
)
def test_a_key_that_the_cdn_would_not_take_is_refused_and_not_shown(
    cdn_file: Path, kind: str, content: bytes
) -> None:
    cdn_file.with_name("key.pem").write_bytes(content)
    write_cdn_file(cdn_file, ROW | {"kind": kind})
    with pytest.raises(InvalidState, match="It must be a") as refusal:
        CdnTable(cdn_file)
    assert "secret" not in refusal.value.message and "c2Vj" not in refusal.value.message


class TestCommands:
    @pytest.fixture
    def edge(self, bucket: str) -> Iterator[SignedEdge]:
        with SignedEdge(bucket, cloudfront({"K1": P256.public_key()})) as edge:
            yield edge

    @pytest.fixture
    def run(
        self,
        edge: SignedEdge,
        cdn_file: Path,
        bucket: str,
        provider_cli: CliRunner,
        monkeypatch: pytest.MonkeyPatch,
    ) -> CliRunner:
        monkeypatch.setenv("MODEL_SHARING_PROVIDER_ARTIFACT_ROOT", bucket)
        monkeypatch.setenv("MODEL_SHARING_PROVIDER_CDN_FILE", str(cdn_file))
        write_cdn_file(cdn_file, ROW | {"location": bucket, "url": edge.url, "key_id": "K1"})
        provider_cli.succeed("share", "list")
        return provider_cli

    def findings(self, run: CliRunner, bucket: str) -> tuple[int, str, str]:
        done = run("doctor", "--output", "json")
        [found] = [each for each in json.loads(done.out) if each["check"] == f"CDN of {bucket}"]
        return done.code, found["status"], found["detail"]

    def test_settings_and_secrets_show_it(self, run: CliRunner, cdn_file: Path) -> None:
        shown = run.succeed("settings", "show").out
        assert "MODEL_SHARING_PROVIDER_CDN_FILE" in shown and str(cdn_file) in shown
        listed = run.succeed("secrets", "list", "--output", "json").json
        assert {"kind": "cloudfront key", "id": "K1", "used_from_at": None} in listed

    def test_doctor_tries_it(self, run: CliRunner, bucket: str, edge: SignedEdge, cdn_file: Path) -> None:
        assert self.findings(run, bucket)[:2] == (0, "warning")  # nothing is there to be tried
        obstore.put(open_bucket(bucket).client, "models/a+b", b"x")
        code, status, detail = self.findings(run, bucket)
        assert (code, status) == (0, "ok"), detail
        assert "'K1'" in detail
        write_cdn_file(cdn_file, ROW | {"location": bucket, "url": edge.url, "key_id": "K2"})
        code, status, detail = self.findings(run, bucket)
        assert (code != 0, status) == (True, "failed")
        assert "HTTP 403" in detail and "'K2'" in detail

    def test_doctor_finds_a_cdn_that_delivers_to_anybody(
        self, run: CliRunner, bucket: str, edge: SignedEdge
    ) -> None:
        obstore.put(open_bucket(bucket).client, "models/a", b"x")
        edge.check = lambda *_: True
        code, status, detail = self.findings(run, bucket)
        assert (code != 0, status) == (True, "failed")
        assert "to anybody" in detail

    def test_doctor_finds_a_key_that_others_can_read(self, run: CliRunner, cdn_file: Path) -> None:
        cdn_file.with_name("key.pem").chmod(0o644)
        found = json.loads(run("doctor", "--output", "json").out)
        [key] = [each for each in found if each["check"] == "CDN key"]
        assert key["status"] == "warning" and "chmod 600" in key["detail"]


def test_every_kind_of_key_is_read(tmp_path: Path) -> None:
    for name, kind in KEY_KINDS.items():
        (tmp_path / name).write_bytes(kind.file_content(kind.new_key()))
        write_cdn_file(tmp_path / "cdns.toml", ROW | {"kind": kind.kind, "key_file": name})
        assert CdnTable(tmp_path / "cdns.toml").cdns[0].kind == kind.kind
