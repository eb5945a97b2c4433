"""A provider with something to share, served in a process of its own, for benchmarks to run against."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from side_by_side import UNLIMITED

BIN = Path(sys.executable).parent
MEMORY = Path("/dev/shm")
MLMODEL = """\
flavors:
  python_function: {loader_module: mlflow.onnx, data: weights.bin}
signature: {inputs: '[{"type": "double", "name": "x"}]', outputs: '[{"type": "double"}]'}
"""


def provider(folder: Path, *arguments: str | Path) -> str:
    """Output of a command of the provider below `folder`."""
    command: list[str | Path] = [BIN / "model-sharing-provider", *arguments]
    done = subprocess.run(command, env=at_home(folder), check=True, capture_output=True, text=True)
    return done.stdout


def at_home(folder: Path) -> dict[str, str]:
    home = str(folder / "provider")
    return {
        **os.environ,
        **UNLIMITED,
        "MODEL_SHARING_PROVIDER_HOME": home,
        "MODEL_SHARING_PROVIDER_LOG": "warning",
    }


@dataclass(frozen=True)
class Stage:
    """The recipient's profile fields, a folder to work in, and the server's process id."""

    folder: Path
    endpoint: str
    token: str
    server: int

    @property
    def profile(self) -> Path:
        return self.folder / "globex.share"

    def call(self, path: str, method: str = "GET") -> bytes:
        """One request to the recipients' endpoint."""
        request = urllib.request.Request(f"{self.endpoint}{path}", method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request) as answer:
            body: bytes = answer.read()
        return body

    def urls(self, model: str) -> dict[str, str]:
        """The signed URL of each file of version 1."""
        lines = self.call(f"/shares/acme/schemas/bench/models/{model}/versions/1/query", "POST").splitlines()
        files = [json.loads(line)["file"] for line in lines[2:]]
        return {file["path"]: file["url"] for file in files}

    def recipient(self) -> dict[str, str]:
        """The environment of a recipient whose cache is empty."""
        home = self.folder / "recipient"
        shutil.rmtree(home, ignore_errors=True)
        environment = {**os.environ, "MODEL_SHARING_HOME": str(home)}
        mount: list[str | Path] = [BIN / "model-sharing", "mount", self.profile, "acme", "--as", "vendor"]
        subprocess.run(mount, env=environment, check=True, stdout=subprocess.DEVNULL)
        return environment


@contextmanager
def in_memory(size: int) -> Iterator[Path]:
    """A folder for a benchmark, in memory if there is room for `size` bytes, so that no disk is measured."""
    room = shutil.disk_usage(MEMORY).free if MEMORY.is_dir() else 0
    where = MEMORY if room > size else None
    with tempfile.TemporaryDirectory(prefix="model-sharing-bench-", dir=where) as folder:
        yield Path(folder)


def write_model(folder: Path, files: dict[str, int]) -> Path:
    """An MLflow folder of random files of these sizes in bytes."""
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_text(MLMODEL)
    for name, size in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("wb") as file:
            for start in range(0, size, 2**24):
                file.write(os.urandom(min(size - start, 2**24)))
    return folder


@contextmanager
def serving(
    folder: Path, models: dict[str, dict[str, int]], certificate: Path | None = None
) -> Iterator[Stage]:
    """Register models (name → files and sizes), share them with `globex`, and serve; https by a certificate.

    `SSL_CERT_FILE` must name the certificate, here and in the clients.
    """
    provider(folder, "catalog", "create", "prod")
    provider(folder, "schema", "create", "prod.bench")
    for name, files in models.items():
        source = write_model(folder / "source" / name, files)
        provider(folder, "model", "register", source, f"prod.bench.{name}", "--alias", "Champion")
        shutil.rmtree(source)
    provider(folder, "share", "create", "acme")
    provider(folder, "share", "add-schema", "acme", "prod.bench")
    command: list[str | Path] = [BIN / "model-sharing-provider", "serve", "--port", "0"]
    if certificate is not None:
        command += ["--tls-certificate", certificate]
    with subprocess.Popen(command, env=at_home(folder), stderr=subprocess.DEVNULL) as server:
        try:
            address = folder / "provider" / "server.url"
            while not address.exists() and server.poll() is None:
                time.sleep(0.05)
            link = provider(folder, "recipient", "create", "globex").strip()
            provider(folder, "share", "grant", "acme", "globex")
            activate: list[str | Path] = [BIN / "model-sharing", "activate", link, folder / "globex.share"]
            subprocess.run(activate, check=True, stdout=subprocess.DEVNULL)
            profile = json.loads((folder / "globex.share").read_bytes())
            yield Stage(folder, profile["endpoint"], profile["bearerToken"], server.pid)
        finally:
            server.send_signal(signal.SIGTERM)
