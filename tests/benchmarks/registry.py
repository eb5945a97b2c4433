"""The registry against a plain `mlflow server` in the same run, and listings as the catalog grows.

The same stock MLflow client registers, loads and looks up a small scikit-learn model at both. To register
copies the model's files into our registry; a plain MLflow server only notes where they lie.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from resolution import rate
from results import Row, arguments, report
from rich.table import Table
from side_by_side import UNLIMITED, console, machine

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.processes.mlflow_server import running_mlflow_server
from support.processes.notebook import Notebook, notebook

PROGRAM = Path(sys.executable).parent / "model-sharing-provider"
NAME = "prod.ml_team.iris"
PREPARE = """
import time, requests, mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
sent = 0
send = requests.Session.send
def counted(*args, **kwargs):
    global sent
    sent += 1
    return send(*args, **kwargs)
requests.Session.send = counted
X, y = load_iris(return_X_y=True)
mlflow.set_experiment("registry benchmark")
with mlflow.start_run():
    logged = mlflow.sklearn.log_model(
        LogisticRegression(max_iter=1000).fit(X, y), name="model", input_example=X[:1],
        serialization_format="cloudpickle",
    )
mlflow.register_model(logged.model_uri, NAME)
client = mlflow.MlflowClient()
client.set_registered_model_alias(NAME, "Champion", 1)
mlflow.pyfunc.load_model(f"models:/{NAME}@Champion")
def timed(call):
    global sent
    sent, started = 0, time.perf_counter()
    call()
    return sent, time.perf_counter() - started
"""
CALLS = {
    "register_model": "mlflow.register_model(logged.model_uri, NAME)",
    "load_model(@Champion)": 'mlflow.pyfunc.load_model(f"models:/{NAME}@Champion")',
    "get_model_version_by_alias": 'client.get_model_version_by_alias(NAME, "Champion")',
}


@contextlib.contextmanager
def provider(home: Path, tracking: str) -> Iterator[str]:
    """Our server on a fresh home, with the plain one behind it for runs. Its URL."""
    environment = {
        **os.environ,
        "MODEL_SHARING_PROVIDER_HOME": str(home),
        "MODEL_SHARING_PROVIDER_LOG": "warning",
        "MODEL_SHARING_PROVIDER_TRACKING_URI": tracking,
        **UNLIMITED,
    }
    for command in (["catalog", "create", "prod"], ["schema", "create", "prod.ml_team"]):
        subprocess.run([PROGRAM, *command], env=environment, check=True, capture_output=True)
    server = subprocess.Popen([PROGRAM, "serve", "--port", "0"], env=environment, stderr=subprocess.DEVNULL)
    try:
        while not (home / "server.url").exists():
            time.sleep(0.05)
        yield (home / "server.url").read_text()
    finally:
        server.terminate()
        server.wait()


def calls(ours: Notebook, theirs: Notebook, rounds: int) -> None:
    """Requests and seconds of each call at both, turn by turn."""
    table = Table(title=f"One stock MLflow client (medians of {rounds})", title_justify="left", box=None)
    for column in ("", "requests", "seconds", "plain: requests", "plain: seconds", "plain / ours"):
        table.add_column(column, justify="left" if not column else "right")
    for name, call in CALLS.items():
        runs = [
            (ours.value(f"timed(lambda: {call})"), theirs.value(f"timed(lambda: {call})"))
            for _ in range(rounds)
        ]
        mine, plain = (statistics.median(run[side][1] for run in runs) for side in (0, 1))
        ratio = statistics.median(run[1][1] / run[0][1] for run in runs)
        table.add_row(
            name, str(runs[-1][0][0]), f"{mine:.3f}", str(runs[-1][1][0]), f"{plain:.3f}", f"{ratio:.2f}"
        )
    console.print(table)


async def lookups(url: str, token: str, plain: str, seconds: float, rounds: int) -> float:
    """Alias look-ups by 16 clients without MLflow in between: our rate by that of plain MLflow."""
    query = f"registered-models/alias?name={NAME}&alias=Champion"
    asked = [
        (f"{url}/api/2.0/mlflow/unity-catalog/{query}", {"Authorization": f"Bearer {token}"}),
        (f"{plain}/api/2.0/mlflow/{query}", {}),
    ]
    measured = [[await rate(*each, seconds) for each in asked] for _ in range(rounds)]
    mine, theirs = (statistics.median(each[side][0] for each in measured) for side in (0, 1))
    p50 = [statistics.median(each[side][1] for each in measured) * 1000 for side in (0, 1)]
    ratio = statistics.median(each[0][0] / each[1][0] for each in measured)
    console.print(
        f"Alias look-ups: {mine:,.0f}/s (p50 {p50[0]:.1f} ms) against {theirs:,.0f}/s "
        f"(p50 {p50[1]:.1f} ms) of plain MLflow: {ratio:.1f} times"
    )
    return ratio


def grow(home: Path, models: int) -> None:
    """Put models straight into the table, since to create 100,000 by REST would take minutes."""
    rows = sqlite3.connect(home / "metastore.db")
    schema = rows.execute("SELECT id FROM schemas").fetchone()[0]
    rows.executemany(
        "INSERT INTO registered_models"
        " (id, schema_id, name, next_version, comment, owner, created_at, updated_at)"
        " VALUES (?, ?, ?, 1, '', 'admin', 0, 0)",
        ((str(uuid4()), schema, f"filler_{number:06d}") for number in range(models)),
    )
    rows.commit()
    rows.close()


def page_milliseconds(url: str, token: str, after_pages: int) -> float:
    """The median of ten reads of a page of 100 models that lies so many pages in."""
    path = f"{url}/api/2.1/unity-catalog/models?catalog_name=prod&schema_name=ml_team&max_results="

    def read(size: int, page_token: str) -> str:
        request = urllib.request.Request(f"{path}{size}&page_token={page_token}")
        request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request) as answer:
            body: bytes = answer.read()
        return body.rpartition(b'"next_page_token":"')[2].partition(b'"')[0].decode()

    page_token = ""
    for _ in range(after_pages // 5):
        page_token = read(500, page_token)
    taken = []
    for _ in range(10):
        started = time.perf_counter()
        read(100, page_token)
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def pages(home: Path, url: str, token: str) -> None:
    for models, middle in ((1_000, 5), (99_000, 500)):
        grow_from = sqlite3.connect(home / "metastore.db")
        grow_from.execute("DELETE FROM registered_models WHERE name LIKE 'filler_%'")
        grow_from.commit()
        grow_from.close()
        grow(home, models)
        first, deep = page_milliseconds(url, token, 0), page_milliseconds(url, token, middle)
        console.print(
            f"A page of 100 among {models:,} models: {first:.1f} ms the first, {deep:.1f} ms half-way"
        )


def main() -> None:
    options = arguments(__doc__, rounds=5)
    options.add_argument("--seconds", type=float, default=3.0)
    asked = options.parse_args()
    console.print(machine())
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for part in ("mlflow", "ours", "theirs"):
            (folder / part).mkdir()
        plain = stack.enter_context(running_mlflow_server(folder / "mlflow"))
        home = folder / "provider"
        url = stack.enter_context(provider(home, plain))
        token = (home / "admin.token").read_text()
        workspace = {"DATABRICKS_HOST": url, "DATABRICKS_TOKEN": token}
        ours = stack.enter_context(
            notebook(
                folder / "ours",
                {**workspace, "MLFLOW_TRACKING_URI": "databricks", "MLFLOW_REGISTRY_URI": "databricks-uc"},
            )
        )
        theirs = stack.enter_context(notebook(folder / "theirs", {"MLFLOW_TRACKING_URI": plain}))
        for book in (ours, theirs):
            book.run(f"NAME = {NAME!r}" + PREPARE)
        calls(ours, theirs, asked.rounds)
        ratio = asyncio.run(lookups(url, token, plain, asked.seconds, asked.rounds))
        pages(home, url, token)
    title = "Resolving an alias by Unity Catalog's REST"
    report([Row.at_least(title, ratio, "x", 20, "plain mlflow server")], keep=asked.save)


if __name__ == "__main__":
    main()
