"""Sign-in as users meet it: mount, load, doctor and activation with profiles of version 2."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from pathlib import Path

import jwt
import mlflow
import pytest
from aiohttp.test_utils import TestClient, TestServer

import model_sharing
from model_sharing.cache_server.application import make_app
from model_sharing.cache_server.mounted_catalogs import MountedCatalogs
from model_sharing.settings import Settings
from model_sharing_protocol.errors import SignInRefused
from support.fake_provider.change_feed import FakeFeed
from support.fake_provider.faults import always
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider, Handler
from support.recipient_cli import RunCli
from support.sklearn_models import saved
from support.watching import Watched

SECRET = "s3cret-of-the-client"
AUDIENCE = "https://acme.example"


def identity_token(subject: str = "system:serviceaccount:ml:training", seconds: float = 3600) -> str:
    """Token as a cluster projects it; its signature is for the provider to verify."""
    claims = {"iss": "https://cluster.example", "sub": subject, "aud": [AUDIENCE]}
    return jwt.encode(claims | {"exp": int(time.time() + seconds)}, "k" * 32, "HS256")


@pytest.fixture
def issuing(fake_provider: FakeProvider) -> list[str]:
    """The fake provider is the issuer, too; the tokens that were issued, of which it accepts the last one."""
    issued: list[str] = []

    def answer(handler: Handler) -> bool:
        if handler.path != "/token":
            return False
        issued.append(identity_token(f"client-{len(issued)}"))
        fake_provider.tokens = {issued[-1]}
        handler.send_json(200, {"access_token": issued[-1], "token_type": "bearer", "expires_in": 3600})
        return True

    fake_provider.answer = answer
    return issued


@pytest.fixture
def signing_in(fake_provider: FakeProvider, profile: Path) -> Callable[..., Path]:
    """Write the profile, of version 2."""

    def write(kind: str, **fields: object) -> Path:
        head = {"shareCredentialsVersion": 2, "type": kind, "endpoint": fake_provider.endpoint}
        profile.write_text(json.dumps(head | fields))
        profile.chmod(0o600)
        return profile

    return write


@pytest.fixture
def client(fake_provider: FakeProvider, signing_in: Callable[..., Path]) -> Path:
    """Profile of a client with a secret."""
    fields = {"tokenEndpoint": f"{fake_provider.origin}/token", "clientId": "c", "clientSecret": SECRET}
    return signing_in("oauth_client_credentials", **fields)


def test_a_mount_signs_in_pulls_and_signs_in_again(
    client: Path, issuing: list[str], fake_provider: FakeProvider, home: Path, run_cli: RunCli
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"MLmodel": b"flavors: {}"}, "Champion")
    mounted = run_cli("mount", client, SHARE, "--as", "vendor")
    assert mounted.returncode == 0
    assert f"OAuth client 'c' at {fake_provider.origin}/token" in mounted.stdout + mounted.stderr
    (mount,) = json.loads(run_cli("mounts", "--output", "json").stdout)
    assert mount["sign_in"] == "oauth_client_credentials"
    catalog = model_sharing.catalog("vendor")
    assert len(catalog.list_models()) == 1
    so_far = len(issuing)
    fake_provider.tokens = set()  # it ends early: its issuer took it back
    assert catalog.snapshot("ml_team.iris_model@Champion").version.version == 1
    assert len(issuing) == so_far + 1
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    pair = base64.b64encode(f"c:{SECRET}".encode())
    assert not [each for each in (SECRET.encode(), pair, *map(str.encode, issuing)) if each in kept]
    said = mounted.stdout + mounted.stderr + repr(catalog) + repr(catalog.mount)
    assert SECRET not in said


def test_files_are_asked_for_without_the_token(
    client: Path, issuing: list[str], fake_provider: FakeProvider
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"MLmodel": b"flavors: {}"}, "Champion")
    model_sharing.mount(client, share=SHARE, name="vendor").snapshot("ml_team.iris_model/1")
    assert fake_provider.file_requests()
    assert not [each for each in fake_provider.file_requests() if "Authorization" in each.headers]


def test_doctor_shows_what_the_token_says(client: Path, issuing: list[str], run_cli: RunCli) -> None:
    model_sharing.mount(client, share=SHARE, name="vendor")
    done = run_cli("doctor", "--output", "json")
    found = {each["check"]: (each["status"], each["detail"]) for each in json.loads(done.stdout)}
    status, detail = found["mount vendor: sign-in"]
    assert (done.returncode, status) == (0, "ok")
    assert "issuer 'https://cluster.example', subject 'client-" in detail
    assert f"audience '{AUDIENCE}'" in detail
    assert found["mount vendor: issuer's clock"][0] == "ok"
    assert "mount vendor: token" not in found
    assert not [token for token in issuing if token in done.stdout]


def test_doctor_says_why_there_is_no_token(
    client: Path, issuing: list[str], fake_provider: FakeProvider, run_cli: RunCli
) -> None:
    model_sharing.mount(client, share=SHARE, name="vendor")
    fake_provider.answer = always(lambda handler: handler.send_json(400, {"error": "unauthorized_client"}))
    done = run_cli("doctor", "--output", "json")
    found = {each["check"]: (each["status"], each["detail"]) for each in json.loads(done.stdout)}
    assert (done.returncode, found["mount vendor: sign-in"][0]) == (SignInRefused.row.exit_code, "failed")
    assert "unauthorized_client" in found["mount vendor: sign-in"][1]
    assert "mount vendor: provider" not in found


def test_doctor_tells_of_an_issuer_with_another_time(
    client: Path, issuing: list[str], run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_sharing.mount(client, share=SHARE, name="vendor")
    theirs = Handler.date_time_string
    monkeypatch.setattr(Handler, "date_time_string", lambda handler: theirs(handler, time.time() + 600))
    found = {
        each["check"]: each["status"] for each in json.loads(run_cli("doctor", "--output", "json").stdout)
    }
    assert found["mount vendor: issuer's clock"] == "warning"


async def test_watching_goes_on_after_its_token_has_ended(
    client: Path, issuing: list[str], fake_provider: FakeProvider
) -> None:
    await asyncio.to_thread(model_sharing.mount, client, share=SHARE, name="vendor")
    fake_provider.publish("ml_team.iris_model", 1, {"MLmodel": b"1"}, "Champion")
    fake_provider.feed = feed = FakeFeed()
    async with model_sharing.AsyncCatalog("vendor") as catalog:
        watched = Watched(catalog)
        await watched.started(fake_provider)
        for version in (2, 3):
            so_far = len(issuing)
            fake_provider.tokens = set()
            fake_provider.publish("ml_team.iris_model", version, {"MLmodel": b"%d" % version}, "Champion")
            feed.tell("ALIAS_SET", "ml_team.iris_model", version=version, alias="Champion")
            assert await watched.briefs(1) == [f"ALIAS_SET ml_team.iris_model {version} Champion"]
            assert len(issuing) > so_far
        await watched.close()


async def test_the_cache_server_signs_in_for_its_clients(
    client: Path, issuing: list[str], fake_provider: FakeProvider
) -> None:
    await asyncio.to_thread(model_sharing.mount, client, share=SHARE, name="vendor")
    files = {"config.json": b"{}", "vocab.txt": b"a b c"}
    fake_provider.publish("llm.tiny", 1, files, "Champion")
    app = make_app(MountedCatalogs(Settings.from_environment(), ()), print, None)
    async with TestClient(TestServer(app)) as anybody:
        for path, content in files.items():
            fake_provider.tokens = set()
            answer = await anybody.get(f"/vendor.llm/tiny/resolve/main/{path}")
            assert (answer.status, await answer.read()) == (200, content)
    assert not [each for each in fake_provider.file_requests() if "Authorization" in each.headers]


def test_mlflow_loads_by_a_mount_that_signs_in(
    client: Path, issuing: list[str], fake_provider: FakeProvider, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model_sharing.mount(client, share=SHARE, name="vendor")
    model = saved(tmp_path_factory, "skops")
    for version in (1, 2):
        fake_provider.publish("ml_team.iris_model", version, model, f"V-{version}")
    mlflow.set_registry_uri("model-sharing://")
    for version in (1, 2):
        fake_provider.tokens = set()
        loaded = mlflow.pyfunc.load_model(f"models:/vendor.ml_team.iris_model@v-{version}")
        assert loaded.predict([[3.0]]) == pytest.approx([6.0])
    assert len(issuing) >= 2


def test_a_projected_token_is_the_bearer_and_read_again_when_refused(
    signing_in: Callable[..., Path], fake_provider: FakeProvider, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    first, second = identity_token(), identity_token(seconds=7200)
    file.write_text(first + "\n")
    fake_provider.tokens = {first}
    path = signing_in("workload_identity", source="token_file", tokenFile="token", audience=AUDIENCE)
    vendor = model_sharing.mount(path, share=SHARE, name="vendor")
    file.write_text(second)
    fake_provider.tokens = {second}
    assert vendor.list_models() == []


@pytest.mark.parametrize("kind", ["workload_identity", "oauth_jwt_bearer_private_key_jwt"])
def test_a_link_gives_no_profile_that_uses_this_machine(
    kind: str, fake_provider: FakeProvider, tmp_path: Path
) -> None:
    key = {"privateKeyFile": "/root/.ssh/id_rsa"}
    auth = {"tokenEndpoint": "https://evil.example", "clientId": "c", "issuer": "i", "privateKey": key}
    file = {"source": "token_file", "tokenFile": "/var/run/secrets/token", "audience": "a", "auth": auth}
    head = {"shareCredentialsVersion": 2, "type": kind, "endpoint": "https://evil.example"}
    fake_provider.answer = always(lambda handler: handler.send_json(200, head | file))
    with pytest.raises(model_sharing.SharingError, match="not taken from others"):
        model_sharing.activate(f"{fake_provider.origin}/link", tmp_path / "evil.share")
    assert not (tmp_path / "evil.share").exists()
