"""`model import` against a real MLflow server whose models were logged with MLflow itself."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pytest

import model_sharing
from model_sharing.api import blocking
from model_sharing_protocol.names import SchemaName
from model_sharing_protocol.profile import write_profile
from model_sharing_provider.domain.audit_actions import AuditAction
from support.admin_client import AdminClient
from support.files import read_tree
from support.processes.mlflow_server import running_mlflow_server
from support.provider_cli import CliRunner

IRIS = "Iris classifier"
PREPARE = """
import os, sys, tempfile
from pathlib import Path
import mlflow, mlflow.sklearn, numpy
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

x, y = numpy.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
client = MlflowClient()

def log(name, signed=True, c=1.0):
    fitted = LogisticRegression(C=c).fit(x, y)
    signature = infer_signature(x, fitted.predict(x)) if signed else None
    with mlflow.start_run():
        return mlflow.sklearn.log_model(
            fitted, name="model", signature=signature, registered_model_name=name,
            serialization_format="cloudpickle",
        )
"""
MANY_KINDS = """
for number in (1, 2, 3):
    log("Iris classifier", c=number)
log("Iris classifier", signed=False)
client.delete_model_version("Iris classifier", "2")
client.update_registered_model("Iris classifier", description="Which iris is it?")
client.set_registered_model_tag("Iris classifier", "team", "botany")
client.update_model_version("Iris classifier", "3", description="Better")
client.set_model_version_tag("Iris classifier", "3", "tuned", "yes")
client.set_model_version_tag("Iris classifier", "3", "essay", "x" * 1200)
client.set_registered_model_alias("Iris classifier", "Champion", "3")
client.set_registered_model_alias("Iris classifier", "Newest", "4")
log("iris.classifier")
log("it's \\u00fc")
log("unsigned", signed=False)
"""
LARGE = """
run = client.create_run(client.create_experiment("large"))
client.create_registered_model("large")
for number in (1, 2, 3):
    with tempfile.TemporaryDirectory() as folder:
        mlflow.sklearn.save_model(
            LogisticRegression().fit(x, y), f"{folder}/m", signature=infer_signature(x, x),
            serialization_format="cloudpickle",
        )
        Path(folder, "m", "weights").mkdir()
        Path(folder, "m", "weights", "1.bin").write_bytes(os.urandom(40_000_000))
        client.log_artifacts(run.info.run_id, f"{folder}/m", f"model {number}")
    client.create_model_version("large", f"{run.info.artifact_uri}/model {number}", run.info.run_id)
client.set_registered_model_alias("large", "Champion", "3")
"""


@dataclass(frozen=True)
class Registry:
    """An MLflow server, and the folder of its artifacts."""

    uri: str
    artifacts: Path

    def work(self, *stories: str) -> None:
        """Let MLflow's own client do something at the server, in a process of its own."""
        code = PREPARE + "".join(stories)
        server = {"MLFLOW_TRACKING_URI": self.uri, "MLFLOW_REGISTRY_URI": self.uri}
        environment = {**os.environ, **server, "MLFLOW_DISABLE_TELEMETRY": "true"}
        subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environment, check=True)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A server of this module's own, since `--all` takes all that is there."""
    folder = tmp_path_factory.mktemp("registry")
    with running_mlflow_server(folder) as uri:
        made = Registry(uri, folder / "artifacts")
        made.work(MANY_KINDS)
        yield made


@pytest.fixture
def run(
    provider_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CliRunner:
    """The command line of a provider with a schema to import into."""
    run = CliRunner(provider_home, monkeypatch, capsys)
    run.succeed("catalog", "create", "prod")
    run.succeed("schema", "create", "prod.m")
    return run


def bring(run: CliRunner, registry: Registry, *arguments: str) -> list[tuple[Any, ...]]:
    """Import, and what became of each version: its name and number there, its number here, the outcome."""
    done = run.succeed("model", "import", "--from", registry.uri, *arguments, "--output", "json")
    return [
        (line["source"], line["source_version"], line["version"], line["outcome"], line["reason"][:20])
        for line in done.json
    ]


def show(run: CliRunner, name: str) -> Any:
    return run.succeed("model", "show", name, "--output", "json").json


def test_everything_that_a_model_has_comes_over(
    run: CliRunner, registry: Registry, provider_home: Path
) -> None:
    assert bring(run, registry, IRIS, "--as", "prod.m.iris") == [
        (IRIS, "1", 1, "brought", ""),
        (IRIS, "3", 3, "brought", ""),
        (IRIS, "3", None, "left out", "The value of the tag"),
        (IRIS, "4", None, "left out", "The model has no sig"),
        (IRIS, "", None, "left out", "The alias 'Newest' p"),
    ]
    model = show(run, "prod.m.iris")
    assert model["comment"] == "Which iris is it?"
    assert model["tags"] == {"team": "botany"}
    assert model["aliases"] == {"Champion": 3}
    first, third = model["versions"]
    assert (first["version"], third["version"], third["comment"]) == (1, 3, "Better")
    assert third["tags"].keys() == {"tuned", "mlflow.source"}
    assert third["tags"]["mlflow.source"].startswith("models:/m-")
    assert third["source"] == f"{registry.uri}/#/models/Iris%20classifier/versions/3"
    assert len(third["run_id"]) == 32
    (there,) = registry.artifacts.glob(f"*/models/{third['tags']['mlflow.source'].removeprefix('models:/')}")
    (here,) = provider_home.glob(f"artifacts/models/*/versions/{third['id']}")
    assert read_tree(here) == read_tree(there / "artifacts")
    assert not (provider_home / "import").exists()


def test_the_next_run_brings_what_is_new_and_moves_what_has_moved(run: CliRunner, registry: Registry) -> None:
    registry.work('log("moving"); log("moving"); client.set_registered_model_alias("moving", "Champion", 1)')
    assert len(bring(run, registry, "moving", "--schema", "prod.m")) == 2
    before = show(run, "prod.m.moving")
    run.succeed("model", "alias", "set", "prod.m.moving", "ours", "1")
    registry.work(
        'log("moving"); client.set_registered_model_alias("moving", "Champion", 3);',
        'client.update_model_version("moving", "1", description="The first");',
        'client.update_registered_model("moving", description="Moves");',
        'client.set_model_version_tag("moving", "2", "kept", "no")',
    )
    assert [line[1:4] for line in bring(run, registry, "moving", "--schema", "prod.m")] == [
        ("1", 1, "present"),
        ("2", 2, "present"),
        ("3", 3, "brought"),
    ]
    after = show(run, "prod.m.moving")
    assert (after["comment"], after["aliases"]) == ("Moves", {"Champion": 3, "ours": 1})
    first, second, _ = after["versions"]
    assert (first["comment"], second["tags"]["kept"]) == ("The first", "no")
    assert [version["id"] for version in after["versions"][:2]] == [v["id"] for v in before["versions"]]
    logged = run.succeed("audit", "list", "--limit", "10000", "--output", "json").json
    bring(run, registry, "moving", "--schema", "prod.m")
    now = run.succeed("audit", "list", "--limit", "10000", "--output", "json").json
    new = {event["action"] for event in now[: len(now) - len(logged)]}
    assert new <= {
        AuditAction.GET_SCHEMA,
        AuditAction.GET_REGISTERED_MODEL,
        AuditAction.LIST_MODEL_VERSIONS,
        AuditAction.LIST_AUDIT_LOG,
    }


def test_all_models_get_names_of_this_registry(run: CliRunner, registry: Registry) -> None:
    for again in (False, True):
        lines = bring(run, registry, "--all", "--schema", "prod.m")
        came = {(name, outcome) for name, _, number, outcome, _ in lines if number}
        done = "present" if again else "brought"
        assert {(IRIS, done), ("it's ü", done)} <= came
        assert ("iris.classifier", "", None, "left out", "The model 'prod.m.ir") in lines
        assert ("unsigned", "1", None, "left out", "The model has no sig") in lines
    names = {model["name"] for model in run.succeed("model", "list", "prod.m", "--output", "json").json}
    assert {"iris_classifier", "it's_ü"} <= names
    assert "unsigned" not in names
    table = run.succeed("model", "import", "--from", registry.uri, "--all", "--schema", "prod.m")
    assert "from another origin" in table.out
    assert "0 brought" in table.err


def test_an_import_that_is_killed_goes_on_where_it_stopped(
    run: CliRunner, registry: Registry, provider_home: Path
) -> None:
    registry.work(LARGE)
    program = Path(sys.executable).with_name("model-sharing-provider")
    command: list[str | Path] = [
        program,
        "model",
        "import",
        "--from",
        registry.uri,
        "large",
        "--schema",
        "prod.m",
    ]
    seen = 0
    for _ in range(6):
        importing = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while importing.poll() is None and not list(provider_home.glob("import/*/weights/1.bin")):
            time.sleep(0.005)
        time.sleep(0.05 * random.random())
        importing.send_signal(signal.SIGKILL)
        importing.wait()
        here = versions_of(run, "prod.m.large")
        assert [version["version"] for version in here] == list(range(1, len(here) + 1))
        assert all(version["status"] == "READY" for version in here)
        assert len(here) >= seen
        seen = len(here)
    bring(run, registry, "large", "--schema", "prod.m")
    model = show(run, "prod.m.large")
    assert [version["version"] for version in model["versions"]] == [1, 2, 3]
    assert model["aliases"] == {"Champion": 3}
    assert all(version["size"] > 40_000_000 for version in model["versions"])
    assert not (provider_home / "import").exists()


def versions_of(run: CliRunner, name: str) -> list[Any]:
    shown = run("model", "show", name, "--output", "json")
    return list(shown.json["versions"]) if shown.code == 0 else []


async def test_a_recipient_loads_what_was_imported(
    registry: Registry,
    admin: AdminClient,
    endpoint: str,
    provider_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await admin.provider.catalogs.create(admin.context, "prod")
    await admin.provider.catalogs.create_schema(admin.context, SchemaName("prod", "m"))
    environment = {**os.environ, "MODEL_SHARING_PROVIDER_HOME": str(provider_home)}
    program = Path(sys.executable).with_name("model-sharing-provider")
    arguments = ["model", "import", "--from", registry.uri, IRIS, "--as", "prod.m.iris"]
    importing = await asyncio.create_subprocess_exec(program, *arguments, env=environment)
    assert await importing.wait() == 0
    profile = await admin.activate(await admin.share("acme", "globex", "prod.m.iris"), endpoint)
    write_profile(profile.to_json(), tmp_path / "globex.share")
    monkeypatch.setenv("MODEL_SHARING_HOME", str(tmp_path / "recipient-home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)

    def load_and_predict() -> list[int]:
        model_sharing.mount(tmp_path / "globex.share", share="acme", name="vendor", trust_remote_code=True)
        model = model_sharing.load_model("models:/vendor.m.iris@Champion")
        return [int(label) for label in model.predict(numpy.array([[0.0], [3.0]]))]

    try:
        assert await asyncio.to_thread(load_and_predict) == [0, 1]
    finally:
        await asyncio.to_thread(blocking.close)
