"""A real, plain MLflow server: tracking, registry and artifact proxy, over SQLite and a local folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from support.processes.servers import free_port, running_server
from support.processes.virtual_environments import virtual_environment

MLFLOW = "mlflow==3.17.2"


@contextlib.contextmanager
def running_mlflow_server(folder: Path) -> Iterator[str]:
    """The URL of an MLflow server that keeps all it is given in `folder`; it ends with the block."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [virtual_environment(MLFLOW), "-m", "mlflow", "server"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", folder / "artifacts"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with running_server(command, f"{url}/health", folder, quiet):
        yield url
