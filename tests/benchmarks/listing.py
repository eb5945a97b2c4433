"""Listing a share of 20,000 models: by our command line, as a table and as JSON, and by MLflow's search.

Memory is what a list of all of them takes more than a list of one model's share. Beside them is what the
client takes by itself: with each answer from the memory of a bare handler.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from results import Row, arguments, report
from rich.table import Table
from side_by_side import UNLIMITED, Run, console, machine, medians, timed

sys.path.insert(0, str(Path(__file__).parents[1]))

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from support.admin_client import AdminClient
from support.large_metastore import fill
from support.model_folder import write_model
from support.processes.provider import ProviderProcess
from support.processes.servers import free_port, running_server

BIN = Path(sys.executable).parent
PROGRAM = str(BIN / "model-sharing")
LIST = [PROGRAM, "list", "vendor"]
SEARCH = """
import time, mlflow, model_sharing
client = mlflow.MlflowClient(registry_uri="model-sharing://vendor")
began, found, page = time.perf_counter(), 0, None
while found == 0 or page:
    models = client.search_registered_models(max_results=1000, page_token=page)
    found, page = found + len(models), models.token
print(found, time.perf_counter() - began)
"""


async def seed(folder: Path, models: int) -> Mapping[str, str]:
    """Share so many models, and one; the token of a recipient of each share, by the share's name."""
    settings = Settings(folder / "provider")
    async with open_provider(settings) as provider:
        admin = AdminClient.of(provider)
        await admin.register(write_model(folder / "one"), "prod.one.model")
        codes = {"one": await admin.share("one", "initech", "prod.one.model")}
        await fill(admin, settings.database_url, folder / "real", models, 1)
        _, codes["everything"] = await provider.recipients.create(admin.context, "umbrella")
        await provider.share_permissions.grant(admin.context, "everything", "umbrella")
        profiles = {share: await admin.activate(code, "http://x") for share, code in codes.items()}
    return {share: profile.bearer_token for share, profile in profiles.items()}


def mounted(folder: Path, endpoint: str, share: str, token: str, home: str = "") -> Mapping[str, str]:
    """Environment of a recipient, in a home of its own, who has mounted the share as `vendor`."""
    home = home or share
    profile = folder / f"{home}.share"
    profile.write_text(json.dumps({"shareCredentialsVersion": 1, "endpoint": endpoint, "bearerToken": token}))
    environment = {**os.environ, "MODEL_SHARING_HOME": str(folder / f"recipient of {home}")}
    mount: list[str | Path] = [PROGRAM, "mount", profile, share, "--as", "vendor"]
    subprocess.run(mount, env=environment, check=True, capture_output=True)
    return environment


def measure(folder: Path, models: int, rounds: int) -> list[Row]:
    tokens = asyncio.run(seed(folder, models))
    with ProviderProcess(
        folder / "provider", environment={**UNLIMITED, "MODEL_SHARING_PROVIDER_LOG": "warning"}
    ) as server:
        everything, one = (
            mounted(folder, server.url + PREFIX, share, tokens[share]) for share in ("everything", "one")
        )
        as_json = [*LIST, "--output", "json"]
        search: list[float] = []
        with replayed(folder / "replay", server.url) as replay:
            floor = mounted(folder, replay + PREFIX, "everything", tokens["everything"], "floor")
            timed(LIST, floor)  # which the replaying server then knows
            commands = {
                "table": (LIST, everything),
                "json": (as_json, everything),
                "table, from memory": (LIST, floor),
                "json, from memory": (as_json, floor),
                "one": (LIST, one),
            }
            runs: dict[str, list[Run]] = {name: [] for name in commands}
            for _ in range(rounds):
                for name, (command, environment) in commands.items():
                    runs[name].append(timed(command, environment))
                search.append(searched(everything, models))
    seconds, peaks = medians(runs, "seconds"), medians(runs, "peak")
    show_floor(seconds, medians(runs, "cpu"))
    title = f"A share of {models:,} models"
    return [
        Row.at_most(f"{title}, listed as a table", seconds["table"], "s", 1.5),
        Row.at_most(f"{title}, listed as JSON", seconds["json"], "s", 1.5),
        Row.at_most(
            f"{title}, listed: memory above one model", (peaks["table"] - peaks["one"]) / 2**20, "MiB", 60
        ),
        Row.at_most(f"{title}, searched by MLflow", statistics.median(search), "s", 5),
    ]


@contextmanager
def replayed(folder: Path, upstream: str) -> Iterator[str]:
    """URL of a server that answers from memory what the one at `upstream` has answered once."""
    folder.mkdir()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [
        sys.executable,
        Path(__file__).with_name("replay_server.py"),
        upstream,
        str(port),
    ]
    with running_server(command, url, folder, {}):
        yield url


def show_floor(seconds: Mapping[str, float], cpu: Mapping[str, float]) -> None:
    table = Table("listed by model-sharing", "seconds", "CPU s of the client", box=None)
    for name, taken in seconds.items():
        table.add_row(name, f"{taken:.2f}", f"{cpu[name]:.2f}")
    console.print(table, "")


def searched(environment: Mapping[str, str], models: int) -> float:
    """Seconds in which MLflow's client reads all pages."""
    command = [str(BIN / "python"), "-W", "ignore", "-c", SEARCH]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found, seconds = done.stdout.split()
    assert int(found) > models, f"{found} of {models} models"
    return float(seconds)


def main() -> None:
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("--models", type=int, default=20_000)
    options = parser.parse_args()
    console.print(machine() + "\n")
    with tempfile.TemporaryDirectory(prefix="model-sharing-bench-") as folder:
        report(measure(Path(folder), options.models, options.rounds), keep=options.save)


if __name__ == "__main__":
    main()
