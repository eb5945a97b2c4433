"""Two regions on this machine: Acme's metastore at home, Globex's abroad, and who works there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo import Company, console
from link import Link

PROVIDER = "model-sharing-provider"
AT_HOME = "prod.ml_team.iris_model"
ABROAD = "vendor.ml_team.iris_model"
_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Scientist:
    """Somebody who works with stock MLflow, in a process of their own."""

    name: str
    process: subprocess.Popen[str]

    def load(self, uri: str) -> dict[str, Any]:
        """Load a model: the trees of the forest that came, and the seconds that it took."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{uri}\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(
            self.process.stdout.readline() or '{"error": "the process ended"}'
        )
        if "error" in answer:
            sys.exit(f"{self.name} could not load {uri}: {answer['error']}")
        console.print(
            f"  [bold green]{self.name}[/] loaded [bold]{uri}[/]: {answer['trees']} trees, "
            f"in {answer['seconds']:.1f} s"
        )
        return answer


@dataclass(frozen=True)
class Regions:
    """Both companies, the addresses of their servers, and the link between them."""

    acme: Company
    home: str
    globex: Company
    abroad: str
    link: Link

    @contextmanager
    def scientist(self, name: str) -> Iterator[Scientist]:
        """A colleague at Globex who may load what is in the catalog."""
        self.globex.run(PROVIDER, "principal", "create", name)
        privileges = ("USE_CATALOG", "USE_SCHEMA", "EXECUTE")
        self.globex.run(PROVIDER, "grant", "add", "catalog", "vendor", name, *privileges)
        environment = {
            **os.environ,
            "DATABRICKS_HOST": self.abroad,
            "DATABRICKS_TOKEN": self.globex.run(PROVIDER, "principal", "token", "create", name),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.globex.folder}/{name}.db",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        }
        program = Path(__file__).with_name("scientist.py")
        with (
            (self.globex.folder / f"{name}.log").open("w") as log,
            subprocess.Popen(
                [sys.executable, "-W", "ignore", program],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            ) as process,
        ):
            yield Scientist(name, process)

    def move_champion(self, version: int) -> None:
        """Move the alias at home."""
        console.print(f"  [bold blue]acme[/] moves Champion to version {version}")
        self._call(self.acme, self.home, "PUT", f"{AT_HOME}/aliases/Champion", {"version_num": version})

    def wait_for_champion(self, version: int) -> float:
        """Seconds until the alias abroad points at this version; infinity if it does not within a minute."""
        started = time.perf_counter()
        while time.perf_counter() - started < _PATIENCE_SECONDS:
            if (
                self._call(self.globex, self.abroad, "GET", f"{ABROAD}/aliases/Champion")["version"]
                == version
            ):
                return time.perf_counter() - started
            time.sleep(0.05)
        return float("inf")

    def _call(self, company: Company, url: str, method: str, path: str, body: object = None) -> Any:
        """Unity Catalog's REST API, as the company's administrator."""
        request = urllib.request.Request(
            f"{url}/api/2.1/unity-catalog/models/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {(company.folder / 'home' / 'admin.token').read_text()}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())
