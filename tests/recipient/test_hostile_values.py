"""No value that a provider sends ends in anything but an error of ours; in listings it hides nothing else."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException

import model_sharing
from model_sharing.cli.main import cli
from model_sharing.mlflow_plugin.artifacts import SharedArtifactRepository
from model_sharing.mlflow_plugin.store import SharedModelStore
from model_sharing_protocol.console import command_line
from model_sharing_protocol.errors import NotASharingServer, SharingError
from support.fake_provider.faults import always
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider, Handler
from support.hostile_input.values import changed, hostile_values, places

MODEL = "ml_team.iris_model"
SIGNATURE = {"inputs": [{"name": "length", "type": "double"}], "outputs": None}
_fresh = itertools.count()


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_SHARING_RETRY_FOR", "0")


@pytest.fixture
def rich(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeProvider:
    """A fake provider whose answers have something everywhere."""
    fake_provider.edit_version = lambda version: {
        **version,
        "signature": SIGNATURE,
        "tags": {"a": "b"},
        "comment": "c",
    }
    fake_provider.chunk_maps = lambda files: b"model-sharing chunk maps 1\n" + bytes(36)
    fake_provider.folders["volumes", "evaluation.prompts"] = {"one.txt": b"Why?"}
    fake_provider.folders["skills", "agents.read-pdf"] = {"SKILL.md": b"---\n"}
    return fake_provider


def publish_afresh(fake_provider: FakeProvider) -> None:
    """Nothing of it is in the cache."""
    fake_provider.publish(MODEL, 1, {"MLmodel": b"x", "n": str(next(_fresh)).encode()}, "Champion")
    fake_provider.sequence = (next(_fresh) + 1,) * 2


def download_afresh(vendor: model_sharing.Catalog) -> None:
    with tempfile.TemporaryDirectory() as folder:
        vendor.download_volume("evaluation.prompts", Path(folder) / "prompts")
        assert [path.name for path in Path(folder).iterdir()] == ["prompts"]


def each_call(vendor: model_sharing.Catalog, run: Callable[..., int]) -> Iterator[Callable[[], object]]:
    """Whatever a user may ask, in Python, on the command line and of MLflow."""
    full, store = f"vendor.{MODEL}", SharedModelStore()
    yield vendor.list_schemas
    yield vendor.list_models
    yield lambda: vendor.list_models("ml_team")
    yield lambda: vendor.get_model(MODEL)
    yield lambda: vendor.list_versions(MODEL)
    yield lambda: vendor.resolve(f"{MODEL}/1")
    yield lambda: vendor.snapshot(f"{MODEL}@Champion")
    yield vendor.list_volumes
    yield vendor.list_skills
    yield lambda: vendor.plan_folder_download("skill", "agents.read-pdf", "nowhere")
    yield lambda: download_afresh(vendor)
    yield lambda: model_sharing.pull("vendor", all_versions=True)
    for what in (["list"], ["show", full], ["show", f"models:/{full}@Champion"], ["pull", "vendor"]):
        yield partial(run, *what)
        yield partial(run, *what, "--output", "json")
    yield store.search_registered_models
    yield store.search_model_versions
    yield lambda: store.get_latest_versions(full)
    yield lambda: store.get_model_version_by_alias(full, "Champion")
    yield lambda: SharedArtifactRepository(f"model-sharing://vendor/{MODEL}/1").list_artifacts()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command line in this process, where an exception that it does not explain is raised."""

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["model-sharing", *arguments])
        return command_line._run(cli, "model-sharing")

    monkeypatch.setenv("MODEL_SHARING_LOG", "debug")

    return run


def ends_well(call: Callable[[], object]) -> None:
    with contextlib.suppress(SharingError, MlflowException), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call()


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(data=st.data())
def test_no_value_in_any_answer_does_harm(
    rich: FakeProvider, vendor: model_sharing.Catalog, run: Callable[..., int], data: st.DataObject
) -> None:
    put, seed = data.draw(hostile_values), data.draw(st.integers(0, 2**20))

    def harm(answer: Any) -> Any:
        found = list(places(answer))
        return changed(answer, found[seed % len(found)], put)

    publish_afresh(rich)
    rich.edit_answer = harm
    try:
        for call in each_call(vendor, run):
            ends_well(call)
    finally:
        rich.edit_answer = None


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(data=st.data())
def test_no_signed_value_does_harm(
    rich: FakeProvider, vendor: model_sharing.Catalog, data: st.DataObject
) -> None:
    """A signer may be hostile, too."""
    put, seed = data.draw(hostile_values), data.draw(st.integers(0, 2**20))

    def resign(envelope: dict[str, Any]) -> dict[str, Any]:
        payload = json.loads(base64.b64decode(envelope["payload"]))
        found = list(places(payload))
        harmed = json.dumps(changed(payload, found[seed % len(found)], put)).encode()
        made: dict[str, Any] = msgspec.to_builtins(rich.key.sign(envelope["payloadType"], harmed))
        return made

    def harm(answer: Any) -> Any:
        if isinstance(answer, dict):
            return {
                key: resign(value) if isinstance(value, dict) and "payload" in value else harm(value)
                for key, value in answer.items()
            }
        return [harm(each) for each in answer] if isinstance(answer, list) else answer

    publish_afresh(rich)
    rich.edit_answer = harm
    try:
        ends_well(lambda: vendor.resolve(f"{MODEL}/1"))
        ends_well(lambda: vendor.snapshot(f"{MODEL}@Champion"))
    finally:
        rich.edit_answer = None


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(put=hostile_values, seed=st.integers(0, 2**20))
def test_no_value_does_harm_while_mounting_or_activating(
    fake_provider: FakeProvider, profile: Path, tmp_path: Path, put: Any, seed: int
) -> None:
    def harm(answer: Any) -> Any:
        found = list(places(answer))
        return changed(answer, found[seed % len(found)], put)

    shutil.rmtree(tmp_path / "home", ignore_errors=True)
    fake_provider.edit_answer = harm
    ends_well(lambda: model_sharing.mount(profile, share=SHARE, name="vendor"))
    fake_provider.edit_answer = None
    fields = json.loads(fake_provider.profile(expirationTime="2999-01-01T00:00:00Z"))
    fake_provider.answer = always(lambda handler: handler.send_json(200, harm(fields)))
    ends_well(
        lambda: model_sharing.activate(
            f"{fake_provider.origin}/activate/abc", tmp_path / "new.share", force=True
        )
    )
    fake_provider.answer = None


HEADERS = (
    "ETag",
    "Content-Encoding",
    "Content-Length",
    "Transfer-Encoding",
    "Retry-After",
    "Content-Type",
    "Date",
)
FILE_HEADERS = ("Content-Range", "Content-Length", "Content-Encoding", "Transfer-Encoding")
header_values = st.sampled_from(
    [
        *(
            "",
            "-1",
            "9" * 5000,
            "0x10",
            "NaN",
            "gzip",
            "zstd",
            "br",
            "deflate, gzip",
            "chunked",
            "chunked, chunked",
        ),
        *("bytes 0-0/1", "bytes 0-" + "9" * 5000 + "/1", "bytes */1", "bytes -1--1/-1", "é", "x" * 8000, '"'),
    ]
)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(
    name=st.sampled_from(HEADERS),
    file_name=st.sampled_from(FILE_HEADERS),
    value=header_values,
    status=st.sampled_from([101, 103, 200, 204, 205, 206, 304, 416, 503, 999]),
)
def test_no_header_does_harm(
    fake_provider: FakeProvider,
    vendor: model_sharing.Catalog,
    name: str,
    file_name: str,
    value: str,
    status: int,
) -> None:
    def answer(handler: Handler, named: str, body: bytes) -> None:
        handler.send_response(status)
        handler.send_header(named, value)
        if named != "Content-Length":
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    publish_afresh(fake_provider)
    fake_provider.answer = always(lambda handler: answer(handler, name, b"{}"))
    ends_well(vendor.list_models)
    ends_well(lambda: vendor.resolve(f"{MODEL}@Champion"))
    fake_provider.answer = None
    fake_provider.default_fault = lambda handler, data, start, end: answer(
        handler, file_name, data[start:end]
    )
    ends_well(lambda: vendor.snapshot(f"{MODEL}@Champion"))
    fake_provider.default_fault = None


BAD_MODELS = {
    "a moment after the year 9999": {"updatedAt": 10**18},
    "a negative moment": {"updatedAt": -1},
    "a version of more than 64 bits": {"latestVersion": 2**63},
    "version 0 behind an alias": {"aliases": {"Champion": 0}},
    "an alias that cannot be asked for": {"aliases": {"a/b": 1}},
    "a name with a slash": {"name": "a/b"},
    "no name": {"name": None},
    "a lone surrogate": {"comment": "\ud800"},
    "not a number": {"latestVersion": float("nan")},
    "a number of very many digits": {"updatedAt": 10**4000},
    "more values than any model has": {"tags": {f"{n}": "" for n in range(30_000)}},
}


@pytest.mark.parametrize("bad", BAD_MODELS)
def test_one_bad_model_hides_no_other(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, bad: str
) -> None:
    for name in ("a", "b", "c"):
        fake_provider.publish(f"ml_team.{name}", 1, {"MLmodel": b"x"})

    def harm(answer: Any) -> Any:
        for item in answer["items"]:
            if item["name"] == "b":
                item.update(BAD_MODELS[bad])
        return answer

    fake_provider.edit_answer = harm
    with pytest.warns(model_sharing.InvalidItemWarning, match="left out") as said:
        models = vendor.list_models()
    assert [model.full_name for model in models] == ["vendor.ml_team.a", "vendor.ml_team.c"]
    assert len(said) == 1


def test_what_is_no_object_is_left_out_like_a_bad_model(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish("ml_team.a", 1, {"MLmodel": b"x"})
    fake_provider.edit_answer = lambda answer: {**answer, "items": [None, 5, *answer["items"], [], "x"]}
    with pytest.warns(model_sharing.InvalidItemWarning) as said:
        assert len(vendor.list_models()) == 1
    assert len(said) == 4


@pytest.mark.parametrize(
    "bad",
    [{"createdAt": 10**18}, {"version": 0}, {"size": -1}, {"digest": "x"}, {"signature": {"inputs": None}}],
)
def test_one_bad_version_hides_no_other(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, bad: dict[str, Any]
) -> None:
    deep: Any = 0
    for _ in range(200):
        deep = [deep]
    for version in (1, 2, 3):
        fake_provider.publish(MODEL, version, {"MLmodel": b"x"})

    def harm(answer: Any) -> Any:
        for item in answer["items"]:
            if item["version"] == 2:
                item.update({"signature": {"inputs": deep}} if "signature" in bad else bad)
        return answer

    fake_provider.edit_answer = harm
    with pytest.warns(model_sharing.InvalidItemWarning, match="version"):
        versions = vendor.list_versions(MODEL)
    assert [version.version for version in versions] == [1, 3]


def test_what_is_left_out_is_a_line_on_standard_error_and_json_stays_json(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, run_cli: Any
) -> None:
    for name in ("a", "b"):
        fake_provider.publish(f"ml_team.{name}", 1, {"MLmodel": b"x"})

    def harm(answer: Any) -> Any:
        if "items" in answer:  # it has no tables
            answer["items"][1]["updatedAt"] = 10**18
        return answer

    fake_provider.edit_answer = harm
    done = run_cli("list", "--output", "json")
    assert done.returncode == 0
    assert [model["full_name"] for model in json.loads(done.stdout)] == ["vendor.ml_team.a"]
    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: ")
    assert "name 'b'" in line
    assert "$.updatedAt" in line


def test_of_very_many_bad_items_a_few_are_named(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.answer = always(
        lambda handler: handler.send_json(200, {"items": [{"name": n} for n in range(300)]})
    )
    with pytest.warns(model_sharing.InvalidItemWarning) as said:
        assert vendor.list_models() == []
    assert len(said) == 11
    assert "290 more" in str(said[-1].message)


@pytest.mark.parametrize(
    ("field", "value"),
    [("updatedAt", 10**18), ("latestVersion", 0), ("aliases", {"Champion": 2**64}), ("name", "a/b")],
)
def test_a_value_that_cannot_be_is_named(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, field: str, value: object
) -> None:
    fake_provider.publish(MODEL, 1, {"MLmodel": b"x"})
    fake_provider.edit_answer = lambda answer: {**answer, field: value}
    with pytest.raises(NotASharingServer, match="a/b" if field == "name" else rf"\$\.{field}"):
        vendor.get_model(MODEL)


def test_the_schema_of_a_shares_own_tables_is_not_one_of_models(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    """Other servers list it without saying that it has no models."""
    fake_provider.publish("ml_team.a", 1, {"MLmodel": b"x"})

    def with_tables(answer: Any) -> Any:
        answer["items"].append({"name": "INFORMATION_SCHEMA", "share": "acme_share"})
        return answer

    fake_provider.edit_answer = with_tables
    assert vendor.list_schemas() == ["ml_team"]
