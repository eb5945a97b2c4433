"""Getting models in: registration against `cp` and `sha256sum` at once, import from MLflow against `curl`.

Registration copies a folder, hashes every byte, cuts large files into chunks and flushes all to disk; the
two programs copy and hash, and flush nothing. An import does the same with what a plain MLflow server sends,
which `curl` writes to a file.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import urllib.request
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from results import Row, arguments, report
from side_by_side import Run, compare, console, machine, speed_by, timed
from stage import BIN, at_home, in_memory, provider, write_model

from support.processes.mlflow_server import running_mlflow_server

WEIGHTS = "weights.bin"


class Registry:
    """Provider of which each run registers one more model, and forgets it before the next."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = folder / "source" / "large"
        self._number = 0
        provider(folder, "catalog", "create", "prod")
        provider(folder, "schema", "create", "prod.bench")

    def register(self) -> Run:
        return self._timed("model", "register", str(self.source), self._name())

    def import_from(self, uri: str) -> Run:
        return self._timed("model", "import", "--from", uri, "large", "--as", self._name())

    def _name(self) -> str:
        self._number += 1
        return f"prod.bench.m{self._number}"

    def _timed(self, *arguments: str) -> Run:
        shutil.rmtree(self.folder / "provider" / "artifacts" / "models", ignore_errors=True)
        return timed([str(BIN / "model-sharing-provider"), *arguments], at_home(self.folder))


def copy_and_hash(folder: Path, source: Path) -> Run:
    """`cp` and `sha256sum` of one file at the same time."""
    out = _fresh(folder / "out")
    script = 'cp "$1" "$2" & sha256sum "$1" >/dev/null & wait'
    return timed(["sh", "-c", script, "sh", str(source), str(out)])


def curl(folder: Path, url: str) -> Run:
    return timed(["curl", "-sS", "--fail", "-o", str(_fresh(folder / "out")), url])


def _fresh(path: Path) -> Path:
    path.unlink(missing_ok=True)
    return path


def log_model(uri: str, artifacts: Path, source: Path) -> str:
    """Let a run at the MLflow server have the model, registered as `large`; the URL of its weights."""
    run = _tell(uri, "runs/create", experiment_id="0")["run"]["info"]
    path = run["artifact_uri"].removeprefix("mlflow-artifacts:/") + "/large"
    shutil.copytree(source, artifacts / path, copy_function=os.link)
    _tell(uri, "registered-models/create", name="large")
    place = f"{run['artifact_uri']}/large"
    _tell(uri, "model-versions/create", name="large", source=place, run_id=run["run_id"])
    return f"{uri}/api/2.0/mlflow-artifacts/artifacts/{path}/{WEIGHTS}"


def _tell(uri: str, call: str, **fields: str) -> Any:
    """Answer to one call of MLflow's REST API."""
    request = urllib.request.Request(f"{uri}/api/2.0/mlflow/{call}", json.dumps(fields).encode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def main() -> None:
    parser = arguments(__doc__, rounds=5)
    parser.add_argument("--size", type=int, default=2 * 2**30, help="bytes of the model")
    options = parser.parse_args()
    console.print(machine() + "\n")
    with in_memory(6 * options.size) as folder:
        registry = Registry(folder)
        write_model(registry.source, {WEIGHTS: options.size})
        title = f"registration of {options.size / 2**30:g} GiB"
        runs = compare(
            title,
            options.size,
            {
                "model register": registry.register,
                "cp & sha256sum": lambda: copy_and_hash(folder, registry.source / WEIGHTS),
            },
            options.rounds,
        )
        speed = speed_by(runs, "model register", "cp & sha256sum")
        report([Row.at_least(title, speed, "x", 0.8, "cp & sha256sum")], keep=options.save)
        plain = folder / "mlflow"
        (plain / "artifacts").mkdir(parents=True)
        with running_mlflow_server(plain) as uri:
            url = log_model(uri, plain / "artifacts", registry.source)
            title = f"import of {options.size / 2**30:g} GiB from an MLflow server"
            runs = compare(
                title,
                options.size,
                {
                    "model import": lambda: registry.import_from(uri),
                    "curl": lambda: curl(folder, url),
                },
                options.rounds,
            )
            speed = speed_by(runs, "model import", "curl")
            report([Row.at_least(title, speed, "x", 1 / 1.3, "curl")], keep=options.save)


if __name__ == "__main__":
    main()
