"""Temporary credentials: a plain S3 client with them reads one version and nothing else."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import msgspec
import obstore
import pytest
from obstore.exceptions import BaseError
from obstore.store import S3Store

from model_sharing_protocol import open_sharing, unity_catalog
from model_sharing_protocol.errors import InvalidParameter, MissingDependency, PermissionDenied
from model_sharing_protocol.names import FullName
from model_sharing_provider.artifacts.credentials import vending
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.versions import NewVersion
from support.admin_client import AdminClient
from support.model_folder import MLMODEL, write_model
from support.object_stores.cloud_provider import (
    CREDENTIALS,
    FILES,
    NAME,
    VERSION,
    CloudProvider,
    aws_settings,
    running_cloud_provider,
    s3_client,
)


def client(bucket: str, keys: dict[str, str]) -> S3Store:
    return s3_client(bucket, keys["accessKeyId"], keys["secretAccessKey"], keys["sessionToken"])


async def listed(store: S3Store, prefix: str) -> set[str]:
    return {item["path"] async for batch in obstore.list(store, prefix) for item in batch}


async def test_a_plain_client_reads_that_version_and_nothing_else(
    cloud: CloudProvider, bucket: str, tmp_path: Path
) -> None:
    other = await cloud.admin.register(write_model(tmp_path / "next", {"model.pkl": b"secret"}), NAME)
    answer = await cloud.ask(VERSION + CREDENTIALS)
    assert answer.status == 200
    assert answer.json.keys() == {"awsTempCredentials", "expirationTime"}
    assert abs(answer.json["expirationTime"] / 1000 - time.time() - 20 * 60) < 60
    location = (await cloud.ask(VERSION, "GET")).json["storageLocation"]
    assert location == f"{bucket}/model-sharing/{cloud.version.storage_path}"

    store = client(bucket, answer.json["awsTempCredentials"])
    folder = location.removeprefix(f"{bucket}/")
    assert await listed(store, f"{folder}/") == {f"{folder}/{path}" for path in ("MLmodel", *FILES)}
    for path, content in FILES.items():
        assert bytes(await (await obstore.get_async(store, f"{folder}/{path}")).bytes_async()) == content

    elsewhere = f"model-sharing/{other.storage_path}"
    for refused in (
        obstore.get_async(store, f"{elsewhere}/model.pkl"),
        obstore.get_async(store, f"model-sharing/manifests/{cloud.version.id}.json"),
        obstore.put_async(store, f"{folder}/model.pkl", b"planted"),
        obstore.put_async(store, f"{folder}/more", b"planted"),
        obstore.delete_async(store, f"{folder}/model.pkl"),
        obstore.copy_async(store, f"{elsewhere}/model.pkl", f"{folder}/more"),
        listed(store, f"{elsewhere}/"),
        listed(store, "model-sharing/"),
        listed(store, ""),
    ):
        with pytest.raises(BaseError, match="AccessDenied"):
            await refused


async def test_keys_that_were_changed_open_nothing(cloud: CloudProvider, bucket: str) -> None:
    keys = (await cloud.ask(VERSION + "/temporary-model-credentials")).json["awsTempCredentials"]
    path = f"model-sharing/{cloud.version.storage_path}/model.pkl"
    assert await obstore.get_async(client(bucket, keys), path)
    for wrong in (
        {"secretAccessKey": "x" * 40},
        {"sessionToken": "x"},
        {"accessKeyId": "ASIAXXXXXXXXXXXXXXXX"},
    ):
        with pytest.raises(BaseError):
            await obstore.get_async(client(bucket, keys | wrong), path)


async def test_what_a_recipient_may_not_see_it_gets_no_credentials_for(cloud: CloudProvider) -> None:
    admin, provider = cloud.admin, cloud.admin.provider
    await provider.uploads.create(admin.context, FullName.parse(NAME), NewVersion())
    pending = VERSION.replace("versions/1", "versions/2")
    assert (await cloud.ask(pending + CREDENTIALS)).status == 404
    assert (await cloud.ask(VERSION.replace("acme", "other") + CREDENTIALS)).status == 404
    await provider.share_permissions.revoke(admin.context, "acme", "globex")
    assert (await cloud.ask(VERSION + CREDENTIALS)).status == 404


async def test_a_version_in_place_is_opened_where_it_is(
    cloud: CloudProvider, bucket: str, tmp_path: Path
) -> None:
    store = S3Store.from_url(bucket)
    for path, content in {"MLmodel": MLMODEL.encode(), "model.pkl": b"w"}.items():
        await obstore.put_async(store, f"lake/a$b/{path}", content)
    await obstore.put_async(store, "lake/a$b2/model.pkl", b"another")
    settings = replace(aws_settings(tmp_path / "home", bucket), external_locations=(f"{bucket}/lake",))
    async with open_provider(settings) as provider:
        context = AdminClient.of(provider).context
        location = f"{bucket}/lake/a$b"
        version = await provider.registration.register_in_place(context, location, FullName.parse(NAME))
        assert provider.storage_credentials.location(version) == location
        given = await provider.principal_credentials.read(context, FullName.parse(NAME), version.version)
        assert given is not None and given.aws_temp_credentials is not None
        keys = given.aws_temp_credentials
        reader = s3_client(bucket, keys.access_key_id, keys.secret_access_key, keys.session_token)
        assert await obstore.get_async(reader, "lake/a$b/model.pkl")
        for path in ("lake/a$b2/model.pkl", "lake/model.pkl"):
            with pytest.raises(BaseError, match="AccessDenied"):
                await obstore.get_async(reader, path)
    async with open_provider(replace(settings, external_locations=())) as stricter:
        with pytest.raises(PermissionDenied, match="external locations"):
            await stricter.principal_credentials.read(
                AdminClient.of(stricter).context, FullName.parse(NAME), version.version
            )


async def test_the_registry_gives_the_same_in_its_own_words(cloud: CloudProvider, bucket: str) -> None:
    said = (await cloud.ask_registry()).json
    assert said.keys() == {"aws_temp_credentials", "expiration_time", "storage_mode"}
    keys = said["aws_temp_credentials"]
    assert keys.keys() == {"access_key_id", "secret_access_key", "session_token"}
    (event,) = await cloud.admin.provider.audit.latest(cloud.admin.context, 1)
    assert event.action is AuditAction.GENERATE_TEMPORARY_MODEL_VERSION_CREDENTIAL


async def test_no_secret_is_in_the_audit_log_or_in_any_other(
    cloud: CloudProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await cloud.ask(VERSION + CREDENTIALS)
    assert answer.headers["Cache-Control"] == "no-store"
    given = await cloud.admin.provider.principal_credentials.read(
        cloud.admin.context, FullName.parse(NAME), 1
    )
    assert given is not None and given.aws_temp_credentials is not None
    secrets = [
        *(answer.json["awsTempCredentials"][name] for name in ("secretAccessKey", "sessionToken")),
        given.aws_temp_credentials.secret_access_key,
        given.aws_temp_credentials.session_token,
    ]
    events = await cloud.admin.provider.audit.latest(cloud.admin.context, 20)
    messages = [
        msgspec.convert(given, face.TemporaryCredentials, from_attributes=True)
        for face in (open_sharing, unity_catalog)
    ]
    said = "".join([repr(events), repr(given), repr(messages), *capsys.readouterr()])
    assert not any(secret in said for secret in secrets)
    asked = [event for event in events if "TemporaryModelVersionCredential" in event.action]
    assert [(event.target.name, event.caller.principal.name) for event in asked] == [
        (f"{NAME}/1", "admin"),
        ("acme.ml_team.scorer/1", "globex"),
    ]


async def test_storage_without_credentials_says_what_to_do_instead(tmp_path: Path) -> None:
    async with running_cloud_provider(Settings(tmp_path / "home"), tmp_path / "m") as cloud:
        refused = await cloud.ask(VERSION + CREDENTIALS)
        assert (refused.status, refused.json["errorCode"]) == (400, "UNSUPPORTED_OPERATION")
        assert "'url'" in refused.json["message"]
        shown = (await cloud.ask(VERSION, "GET")).json
        assert shown["storageLocation"] == f"urn:uuid:{cloud.version.id}"
        assert (await cloud.ask_registry()).json.keys() == {"expiration_time", "storage_mode"}


async def test_what_is_missing_is_said_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN", raising=False)
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", "acme")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    with pytest.raises(InvalidParameter, match="CLOUDFLARE_API_TOKEN in the environment"):
        async with open_provider(Settings(tmp_path / "home", temporary_credentials="r2")) as provider:
            provider.wire_all()  # as a server does before it serves
    monkeypatch.setattr(vending, "find_spec", lambda _: None)
    for cloud in ("aws", "gcp"):
        with pytest.raises(MissingDependency, match=rf"pip install 'model-sharing\[{cloud}\]'"):
            async with open_provider(Settings(tmp_path / "home", temporary_credentials=cloud)) as provider:
                provider.wire_all()
