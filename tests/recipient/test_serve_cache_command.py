"""`model-sharing serve-cache`: what it says as it starts, how it ends, and whom it would not serve."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import model_sharing
from model_sharing.api import blocking
from support.fake_provider.faults import slowly
from support.fake_provider.server import FakeProvider
from support.files import random_bytes
from support.patience import PATIENCE
from support.recipient_cli import RunCli
from support.safetensors_files import safetensors
from support.small_disk import read_only

CONFIG = "/vendor.llm/tiny/resolve/main/config.json"
WEIGHTS = "/vendor.llm/tiny/resolve/main/model.safetensors"


class Serving:
    """`model-sharing serve-cache` in a process of its own, on some port."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "model_sharing.cli", "serve-cache", "--port", "0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()

    @property
    def url(self) -> str:
        found = re.search(r"http://127\.0\.0\.1:[0-9]+", self.first_line)
        assert found is not None
        return found[0]

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
            content = answer.read()
        assert isinstance(content, bytes)
        return content

    def stop(self, number: int) -> tuple[int, str]:
        """Exit code and what stood on standard error."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said


@pytest.fixture
def llm(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeProvider:
    weights = safetensors({"w": random_bytes(3_000_000, 1)})
    fake_provider.publish("llm.tiny", 1, {"config.json": b"{}", "model.safetensors": weights})
    return fake_provider


@pytest.mark.usefixtures("llm")
def test_it_says_what_to_export_and_ends_without_complaint_when_stopped() -> None:
    serving = Serving()
    assert serving.first_line.startswith("export HF_ENDPOINT=http://127.0.0.1:")
    assert serving.get(CONFIG) == b"{}"
    code, said = serving.stop(signal.SIGINT)
    assert code == 0
    assert said.startswith("Serving vendor; stop with Ctrl-C.\n")
    assert "Verified 'config.json' of vendor.llm.tiny version 1" in said
    assert "Traceback" not in said


def test_it_ends_while_a_client_waits_for_a_file(llm: FakeProvider) -> None:
    llm.default_fault = slowly(2)
    serving = Serving()
    failed: list[int] = []

    def fetch() -> None:
        try:
            serving.get(WEIGHTS)
        except urllib.error.HTTPError as error:
            failed.append(error.code)

    client = threading.Thread(target=fetch)
    client.start()
    deadline = time.monotonic() + PATIENCE
    while not llm.file_requests() and time.monotonic() < deadline:
        time.sleep(0.01)
    code, said = serving.stop(signal.SIGTERM)
    client.join(PATIENCE)
    assert (code, failed) == (0, [503])
    assert "Traceback" not in said


@pytest.mark.usefixtures("llm")
def test_what_is_in_a_home_that_cannot_be_written_is_served(home: Path) -> None:
    model_sharing.pull("vendor.llm.tiny", all_versions=True, progress=False)
    blocking.close()
    with read_only(home):
        serving = Serving("--mount", "vendor", "--output", "json", "--quiet")
        told = json.loads(serving.first_line)
        assert told == {"endpoint": serving.url, "mounts": ["vendor"]}
        assert serving.get(CONFIG) == b"{}"
        code, said = serving.stop(signal.SIGTERM)
    assert code == 0
    assert "Traceback" not in said


@pytest.mark.usefixtures("llm")
def test_it_refuses_to_serve_others_without_tokens(run_cli: RunCli, tmp_path: Path) -> None:
    refused = run_cli("serve-cache", "--host", "0.0.0.0")
    assert refused.returncode == 2
    assert "--tokens-file" in refused.stderr
    absent = run_cli("serve-cache", "--host", "0.0.0.0", "--tokens-file", tmp_path / "absent")
    assert (absent.returncode, "cannot be read" in absent.stderr) == (2, True)
    tokens = tmp_path / "tokens"
    tokens.write_text("0123456789abcdef")
    elsewhere = run_cli("serve-cache", "--host", "192.0.2.1", "--tokens-file", tokens)
    assert elsewhere.returncode == 2
    assert "warning: tokens and models travel unencrypted" in elsewhere.stderr
    assert "not an address of this machine" in elsewhere.stderr
    assert "0123456789abcdef" not in elsewhere.stderr
    assert run_cli("serve-cache", "--mount", "absent").returncode == 4
    serving = Serving()
    taken = run_cli("serve-cache", "--port", serving.url.rpartition(":")[2])
    assert (taken.returncode, "--port" in taken.stderr) == (16, True)
    serving.stop(signal.SIGTERM)
