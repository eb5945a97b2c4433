"""URLs that buckets sign: made as the clouds document it, and refused once they are changed or too old."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import botocore.auth
import botocore.config
import botocore.session
import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from model_sharing_provider.artifacts.cdn.signed_urls import CdnUrls
from model_sharing_provider.artifacts.download_origins import DownloadOrigins
from model_sharing_provider.artifacts.external_locations import ExternalLocations
from model_sharing_provider.artifacts.store import ArtifactStore
from support.object_stores.servers import KINDS

CONTENT = b"weights"
PLAIN = "v/data/weights-1.0_b~.bin"
SPELT_OTHERWISE_IN_URLS = (
    "v/a b",
    "v/a#b",
    "v/a?b",
    "v/a%20b",
    "v/a%b",
    "v/a+b",
    "v/é",
    "v/a=b&c",
    "v/x'(y)",
)


async def presigned(store: ArtifactStore, path: str, seconds: int = 300) -> str:
    urls = await store.presign([path], seconds)
    assert urls is not None
    return urls[0]


async def fetch(url: str) -> tuple[int, bytes]:
    def get() -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(url) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, b""

    return await asyncio.to_thread(get)


@pytest.mark.parametrize("bucket", KINDS, indirect=True)
@pytest.mark.parametrize("prefix", ["models", "a prefix"])
async def test_a_url_leads_to_its_object_or_is_not_given(bucket: str, prefix: str) -> None:
    store = ArtifactStore(f"{bucket}/{prefix}")
    given = set()
    for path in (PLAIN, *SPELT_OTHERWISE_IN_URLS):
        content = path.encode()
        await store.put_bytes(path, content)
        for url in await store.presign([path], 300) or ():
            assert await fetch(url) == (200, content)
            given.add(path)
    if bucket.startswith("s3:"):
        assert given == {PLAIN, *SPELT_OTHERWISE_IN_URLS}
    else:
        assert given == ({PLAIN} if prefix == "models" else set())
        assert await store.presign([PLAIN, "v/a b"], 300) is None


@pytest.mark.parametrize("bucket", ["azure"], indirect=True)
async def test_azure_refuses_what_was_changed_or_is_too_old(bucket: str) -> None:
    store = ArtifactStore(bucket)
    for path in (PLAIN, "v/other"):
        await store.put_bytes(path, CONTENT)
    url = await presigned(store, PLAIN)
    assert await fetch(url) == (200, CONTENT)
    query = dict(parse_qsl(urlsplit(url).query))
    base = url.partition("?")[0]
    other_signature = ("B" if query["sig"].startswith("A") else "A") + query["sig"][1:]
    changes = {"se": "2999-01-01T00:00:00Z", "sp": "rw", "sr": "c", "sig": other_signature}
    for field, value in changes.items():
        assert query[field] != value
        assert (await fetch(f"{base}?{urlencode(query | {field: value})}"))[0] == 403
    assert (await fetch(url.replace(PLAIN, "v/other")))[0] == 403
    write = urllib.request.Request(url, CONTENT, {"x-ms-blob-type": "BlockBlob"}, method="PUT")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        await asyncio.to_thread(urllib.request.urlopen, write)

    short = await presigned(store, PLAIN, 1)
    for _ in range(100):
        status, _ = await fetch(short)
        if status == 403:
            return
        await asyncio.sleep(0.2)
    pytest.fail("The URL was for one second, and goes on to work.")


@pytest.mark.parametrize("bucket", ["azure"], indirect=True)
async def test_who_has_a_sas_token_alone_signs_nothing(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token = generate_container_sas(
        os.environ["AZURE_STORAGE_ACCOUNT_NAME"],
        bucket.removeprefix("az://"),
        account_key=os.environ["AZURE_STORAGE_ACCOUNT_KEY"],
        permission=ContainerSasPermissions(read=True, write=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", token)
    store = ArtifactStore(bucket)
    await store.put_bytes(PLAIN, CONTENT)
    assert await store.get_bytes(PLAIN) == CONTENT
    assert await store.presign([PLAIN], 300) is None
    assert await DownloadOrigins(store, ExternalLocations(), CdnUrls()).origins() == ()


@pytest.mark.parametrize("token", ["", "token/+="])
async def test_s3s_is_what_botocore_computes(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, value in {
        **keys,
        "AWS_REGION": "eu-west-1",
        **({"AWS_SESSION_TOKEN": token} if token else {}),
    }.items():
        monkeypatch.setenv(name, value)
    store = ArtifactStore("s3://acme-models/a prefix")
    urls = {path: await presigned(store, path) for path in (PLAIN, *SPELT_OTHERWISE_IN_URLS)}

    session = botocore.session.get_session()
    session.set_credentials("AKIAEXAMPLE", "secret", token or None)
    style = botocore.config.Config(signature_version="s3v4", s3={"addressing_style": "path"})
    client = session.create_client("s3", region_name="eu-west-1", config=style)
    for path, url in urls.items():
        signed_at = datetime.strptime(parse_qs(urlsplit(url).query)["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ")
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda at=signed_at: at)
        object_ = {"Bucket": "acme-models", "Key": f"a prefix/{path}"}
        theirs = client.generate_presigned_url("get_object", Params=object_, ExpiresIn=300)
        assert parse_qs(urlsplit(url).query) == parse_qs(urlsplit(theirs).query)
        assert url.partition("?")[0] == theirs.partition("?")[0]
    client.close()


async def test_googles_is_signed_by_the_service_accounts_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    account = {
        "type": "service_account",
        "private_key_id": "key-1",
        "private_key": key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        "client_email": "signer@acme.example",
    }
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    store = ArtifactStore("gs://acme-models/prod")
    url = urlsplit(await presigned(store, PLAIN))
    assert (url.scheme, url.netloc) == ("https", "storage.googleapis.com")
    assert url.path == f"/acme-models/prod/{PLAIN}"
    query = dict(parse_qsl(url.query))
    signature = bytes.fromhex(query.pop("X-Goog-Signature"))
    assert query["X-Goog-Credential"].startswith("signer@acme.example/")
    assert query["X-Goog-Expires"] == "300"

    def verify(method: str, path: str) -> None:
        """Signature check as Google documents it: "V4 signing process with your own program"."""
        canonical_query = "&".join(f"{quote(name, '')}={quote(query[name], '')}" for name in sorted(query))
        request = f"{method}\n{path}\n{canonical_query}\nhost:{url.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
        scope = query["X-Goog-Credential"].partition("/")[2]
        digest = sha256(request.encode()).hexdigest()
        signed = f"GOOG4-RSA-SHA256\n{query['X-Goog-Date']}\n{scope}\n{digest}"
        key.public_key().verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())

    verify("GET", url.path)
    for method, path in (("PUT", url.path), ("GET", f"{url.path}x")):
        with pytest.raises(InvalidSignature):
            verify(method, path)
    for path in SPELT_OTHERWISE_IN_URLS:
        assert await store.presign([PLAIN, path], 300) is None
