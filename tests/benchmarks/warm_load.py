"""Loading a small model that was loaded before: ours, plain MLflow's, and from a folder on this disk."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from stage import BIN, Stage, provider

PROGRAM = """
import json, statistics, sys, time
import mlflow, model_sharing

folder, plain, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
mlflow.set_tracking_uri(plain)
mlflow.set_experiment("warm load")
with mlflow.start_run() as run:
    mlflow.log_artifacts(folder, "model")
    source = mlflow.get_artifact_uri("model")
client = mlflow.MlflowClient()
client.create_registered_model("iris")
client.create_model_version("iris", source, run.info.run_id)
client.set_registered_model_alias("iris", "Champion", 1)
loads = {
    "model-sharing": lambda: model_sharing.load_model(
        "models:/vendor.bench.iris@Champion", trust_remote_code=True
    ),
    "a folder on this disk": lambda: mlflow.pyfunc.load_model(folder),
    "MLflow, from its server": lambda: mlflow.pyfunc.load_model("models:/iris@Champion"),
}
taken = {name: [] for name in loads}
for attempt in range(rounds + 1):
    for name, load in loads.items():
        started = time.perf_counter()
        load()
        if attempt:
            taken[name].append(time.perf_counter() - started)
print(json.dumps({name: statistics.median(seconds) * 1000 for name, seconds in taken.items()}))
"""


def warm_loads(stage: Stage, mlflow: str, rounds: int) -> dict[str, float]:
    """Milliseconds, medians of `rounds` loads each, in turn in one process that has loaded all before."""
    examples = Path(__file__).parents[2] / "examples"
    subprocess.run(
        [BIN / "python", examples / "train_iris.py", stage.folder], check=True, capture_output=True
    )
    folder = stage.folder / "iris_v1"
    provider(stage.folder, "model", "register", folder, "prod.bench.iris", "--alias", "Champion")
    done = subprocess.run(
        [BIN / "python", "-W", "ignore", "-c", PROGRAM, folder, mlflow, str(rounds)],
        env={**stage.recipient(), "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
