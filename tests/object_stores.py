"""Object stores that nobody here wrote, served on this machine, each test with a bucket of its own."""

from __future__ import annotations

import contextlib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from environments import environment_with
from servers import free_port, running

MOTO = "moto[server]==5.2.5"


@contextlib.contextmanager
def running_s3(folder: Path) -> Iterator[str]:
    """The address of an S3 server (moto's, which looks at temporary credentials alone)."""
    port = free_port()
    program = Path(__file__).with_name("s3_that_checks_sessions.py")
    command: list[str | Path] = [environment_with(MOTO), program, "-p", str(port)]
    with running(command, f"http://127.0.0.1:{port}/", folder, {}):
        yield f"http://127.0.0.1:{port}"


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
