"""S3 (moto) and Azure (Azurite) servers on this machine, with a fresh bucket for each test."""

from __future__ import annotations

import base64
import contextlib
import os
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import uuid4

import pytest
from azure.storage.blob import ContainerClient, ContentSettings

from support.processes.servers import free_port, running_server
from support.processes.virtual_environments import node_program, virtual_environment

MOTO = "moto[server]==5.2.5"
AZURITE = "azurite@3.37.0"
KINDS = ("s3", "azure")

_ACCOUNT = "acme"
_KEY = base64.b64encode(os.urandom(32)).decode()


@contextlib.contextmanager
def running_s3(folder: Path) -> Iterator[str]:
    """The address of an S3 server (moto's, which looks at temporary credentials alone)."""
    port = free_port()
    program = Path(__file__).with_name("moto_with_session_policies.py")
    command: list[str | Path] = [virtual_environment(MOTO), program, "-p", str(port)]
    with running_server(command, f"http://127.0.0.1:{port}/", folder, {}):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def running_azure(folder: Path) -> Iterator[str]:
    """The address of an account of Azure Blob Storage (Azurite's, which checks every signature)."""
    port = free_port()
    command = [*node_program(AZURITE, "azurite-blob"), "--blobPort", str(port), "--silent"]
    command += ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    url = f"http://127.0.0.1:{port}/{_ACCOUNT}"
    with running_server(command, url, folder, {"AZURITE_ACCOUNTS": f"{_ACCOUNT}:{_KEY}"}):
        yield url


def new_bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a fresh bucket; from now on the environment holds what the cloud's own tools would use."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    name = f"bucket-{uuid4().hex}"
    urllib.request.urlopen(urllib.request.Request(f"{s3}/{name}", method="PUT")).close()
    return name


def new_container(azure: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Container of Azure, new."""
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", azure)
    monkeypatch.setenv("AZURE_ALLOW_HTTP", "true")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", _ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", _KEY)
    name = f"container-{uuid4().hex}"
    with ContainerClient(azure, name, credential=_KEY) as client:
        client.create_container()
    return name


def put_marker(bucket: str, key: str, headers: Mapping[str, str]) -> None:
    """An empty object under a name of any form, as consoles and other file systems write them.

    `headers` are its content type and metadata, by the words of that kind of store.
    """
    kind, _, name = bucket.partition("://")
    if kind == "s3":
        url = f"{os.environ['AWS_ENDPOINT_URL']}/{name}/{urllib.parse.quote(key)}"
        urllib.request.urlopen(urllib.request.Request(url, b"", headers, method="PUT")).close()
        return
    ours = "x-ms-meta-"
    metadata = {word.removeprefix(ours): value for word, value in headers.items() if word.startswith(ours)}
    with ContainerClient(os.environ["AZURE_STORAGE_ENDPOINT"], name, credential=_KEY) as client:
        settings = ContentSettings(content_type=headers.get("Content-Type"))
        client.upload_blob(key, b"", metadata=metadata, content_settings=settings).close()


def running_store(kind: str, folder: Path) -> AbstractContextManager[str]:
    """The address of a store of that kind, one of `KINDS`."""
    return running_azure(folder) if kind == "azure" else running_s3(folder)


def bucket_url(kind: str, address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a fresh bucket in the store of that kind that runs at that address."""
    if kind == "azure":
        return f"az://{new_container(address, monkeypatch)}"
    return f"s3://{new_bucket(address, monkeypatch)}"
