"""Prometheus metrics: of all workers together, with names that are bounded, and at a port of its own."""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from generated_reference import metric_table
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from model_sharing_protocol.errors import PortInUse
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.http.metrics import OTHER, BoundedLabels
from model_sharing_provider.serving.metrics_listener import served_metrics
from model_sharing_provider.serving.sockets import bound_sockets
from support.model_folder import write_model
from support.patience import PATIENCE
from support.processes.provider import SHARE, ProviderProcess, share_model

ASKED = 40
Read = Callable[..., float]


def get(url: str, token: str = "") -> tuple[int, str]:
    # Each on a connection of its own, so that both workers have some.
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def scraped(text: str) -> Read:
    """Adds up the samples of a name that have these labels."""

    def read(name: str, **labels: str) -> float:
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    return read


def test_all_workers_are_counted_as_one_server(tmp_path: Path) -> None:
    home = tmp_path / "home"
    weights = b"x" * 3_000_000
    token = share_model(home, write_model(tmp_path / "m", {"weights.bin": weights}))
    options = ("--workers", "2", "--metrics-port", "0")
    with ProviderProcess(home, options=options, log=tmp_path / "log") as server:
        for _ in range(ASKED):
            assert get(f"{server.url}{PREFIX}/shares/{SHARE}", token)[0] == 200
        for number in range(ASKED):
            assert get(f"{server.url}{PREFIX}/shares/secret{number}", token)[0] == 404
        query = f"{server.url}{PREFIX}/shares/{SHARE}/schemas/ml_team/models/scorer/versions/1/query"
        request = urllib.request.Request(query, b"{}", {"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            urls = re.findall(r'"url":"([^"]+)"', answer.read().decode())
        assert [get(url)[0] for url in urls] == [200, 200]
        assert get(f"{server.url}/metrics")[0] == 404
        found = re.search(r"Metrics on (\S+)", server.said)
        assert found is not None
        # A client has the last byte a moment before the server has counted it.
        until = time.monotonic() + PATIENCE
        while True:
            status, text = get(found[1])
            assert status == 200
            read = scraped(text)
            if read("model_sharing_transfers_in_progress") == 0 or time.monotonic() > until:
                break
            time.sleep(0.05)
    share = f"{PREFIX}/shares/{{share}}"
    requests = "model_sharing_requests_total"
    assert read(requests, face="open-sharing", route=share, method="GET", status="200") == ASKED
    assert read(requests, face="open-sharing", route=share, method="GET", status="404") == ASKED
    assert read("model_sharing_request_seconds_count", face="open-sharing") == 2 * ASKED + 1
    assert read("model_sharing_request_seconds_count", route=share) == 2 * ASKED
    assert read("model_sharing_received_bytes_total", face="open-sharing") == 2
    assert read("model_sharing_file_sent_bytes_total", share=SHARE, recipient="globex") > len(weights)
    calls = "model_sharing_calls_total"
    assert read(calls, action=AuditAction.DELTA_SHARING_GET_SHARE, outcome="DENIED") == ASKED
    of_shares = "model_sharing_share_calls_total"
    assert read(of_shares, share=OTHER, recipient="globex", outcome="DENIED") == ASKED
    assert read(of_shares, share=SHARE, recipient="globex", outcome="OK") > ASKED
    assert read("model_sharing_transfers_in_progress") == 0
    assert read("model_sharing_database_seconds_count", kind="append") > 0
    # The small file is read, the kernel sends the large one.
    for operation in ("read", "open"):
        assert read("model_sharing_artifact_store_seconds_count", kind="local", operation=operation) >= 1
    # Not added up over the workers: both say the same.
    expires = read("model_sharing_expiry_timestamp_seconds", kind="recipient_token")
    assert 80 < (expires - time.time()) / 86400 < 100
    for secret in (token, urls[0].partition("signature=")[2], "secret0"):
        assert secret not in text


def test_names_are_bounded_and_strangers_make_none() -> None:
    names = BoundedLabels(2)
    assert names.labels("unknown", "globex", granted=False) == (OTHER, "globex")
    assert names.labels("acme", "globex") == ("acme", "globex")
    assert names.labels("acme", "globex", granted=False) == ("acme", "globex")
    assert names.labels("more", "globex") == (OTHER, OTHER)
    assert names.labels("unknown", "initech", granted=False) == (OTHER, OTHER)


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with bound_sockets("127.0.0.1", 0, 1)[0][0] as taken:
        taken.listen()
        settings = Settings(tmp_path, metrics_port=taken.getsockname()[1])
        with (
            pytest.raises(PortInUse, match="choose another with --metrics-port"),
            served_metrics(settings, lambda _: None),
        ):
            pass


def test_the_documentation_names_every_metric_and_no_other() -> None:
    names = re.findall(r"^\| `(model_sharing_[a-z0-9_]+)`", metric_table(), re.MULTILINE)
    ours = {family.name for family in REGISTRY.collect() if family.name.startswith("model_sharing_")}
    assert {name.removesuffix("_total") for name in names} == ours
