"""A catalog that is made from a share, 80 ms away: its first sync, changes, idle and busy minutes, and loads.

Upstream requests and bytes are counted on the link between both metastores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.table import Table
from side_by_side import UNLIMITED, console, machine
from stage import write_model

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "two_regions"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from link import Traffic

from model_sharing_provider.configuration.settings import Settings
from support.bulk_insert import model_name
from support.large_share import SCHEMA, champion_in, fill_share, versions_in
from support.processes.notebook import Notebook, notebook
from support.processes.provider import LOOPBACK, MODEL
from support.two_metastores import ABROAD, VENDOR, TwoMetastores, two_metastores

DELAY_MS = 80
BUSY_READERS = 8
OWN = "own.ml_team.scorer"
PATIENCE_SECONDS = 1800
LOAD = """
import mlflow, shutil, tempfile, time
mlflow.set_registry_uri("databricks-uc")
def load(name):
    folder = tempfile.mkdtemp()
    started = time.perf_counter()
    mlflow.artifacts.download_artifacts(f"models:/{name}@Champion", dst_path=folder)
    seconds = time.perf_counter() - started
    shutil.rmtree(folder)
    return seconds
"""


def call(url: str, token: str, method: str, path: str, body: object = None) -> dict[str, object]:
    """Unity Catalog's REST API."""
    request = urllib.request.Request(
        f"{url}/api/2.1/unity-catalog/models/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, object] = json.loads(answer.read())
    return found


class Stage:
    """Both metastores, and what is measured between them."""

    def __init__(self, two: TwoMetastores) -> None:
        self.two = two
        self.tokens = {
            server.url: (server.home / "admin.token").read_text() for server in (two.acme, *two.globex)
        }

    def alias_abroad(self, model: str) -> int:
        """Version in Globex's database; asking it is no request to anybody."""
        return champion_in(self.two.settings.home, VENDOR, model)

    def move_alias(self, model: str, version: int) -> None:
        acme = self.two.acme.url
        path = f"{SCHEMA}.{model}/aliases/Champion"
        call(acme, self.tokens[acme], "PUT", path, {"version_num": version})

    def wait_until(self, reached: Callable[[], bool], pause: float) -> float:
        """Seconds that it took."""
        started = time.perf_counter()
        while not reached():
            if time.perf_counter() - started > PATIENCE_SECONDS:
                sys.exit("it did not happen within half an hour")
            time.sleep(pause)
        return time.perf_counter() - started

    @contextmanager
    def counted(self) -> Iterator[Callable[[], Traffic]]:
        before = self.two.link.traffic
        yield lambda: self.two.link.traffic.since(before)


def first_sync(stage: Stage, models: int, versions: int) -> None:
    """Fill Acme's share with so many models, and make it a catalog."""

    fill_share(stage.two, models, versions)
    total = models * versions + 2
    with stage.counted() as traffic:
        started = time.perf_counter()
        stage.two.create_catalog()
        created = time.perf_counter() - started
        home = stage.two.settings.home
        stage.wait_until(lambda: len(versions_in(home, VENDOR)) >= total, 0.5)
        seconds, crossed = time.perf_counter() - started, traffic()
    console.print(
        f"first sync of {total:,} versions of {models + 1:,} models: {seconds:.0f} s "
        f"({total / seconds:.0f} versions/s), {sum(crossed.requests.values()):,} requests, "
        f"{crossed.to_client / 1e6:.1f} MB; the catalog was there after {created:.1f} s"
    )


def changes(stage: Stage, count: int) -> None:
    """Move aliases, one after another, each of another model."""
    seconds = []
    with stage.counted() as traffic:
        for number in range(count):
            stage.move_alias(model_name(number), 1)
            seconds.append(stage.wait_until(lambda: stage.alias_abroad(model_name(number)) == 1, 0.005))  # noqa: B023
        crossed = traffic()
    console.print(
        f"an alias that moves: here after {statistics.median(seconds) * 1000:.0f} ms "
        f"(worst {max(seconds) * 1000:.0f}), {sum(crossed.requests.values()) / count:.1f} requests, "
        f"{crossed.to_client / count / 1e3:.1f} kB each, of {count}"
    )


def minute(stage: Stage, seconds: float, *, busy: bool) -> None:
    """Count upstream requests while nobody works, or while many resolve aliases and one moves each second."""
    globex, reads = stage.two.globex[0].url, [0] * BUSY_READERS
    ends = time.perf_counter() + seconds

    def read(reader: int) -> None:
        while time.perf_counter() < ends:
            name = f"{VENDOR}.{SCHEMA.schema}.{model_name((reads[reader] * BUSY_READERS + reader) % 50)}"
            call(globex, stage.tokens[globex], "GET", f"{name}/aliases/Champion")
            reads[reader] += 1

    with stage.counted() as traffic:
        readers = [threading.Thread(target=read, args=(number,)) for number in range(BUSY_READERS * busy)]
        for reader in readers:
            reader.start()
        moved = 0
        while time.perf_counter() < ends:
            time.sleep(min(1, max(0, ends - time.perf_counter())))
            if busy:
                moved += 1
                stage.move_alias(model_name(moved % 50), 2 + moved // 50)
        for reader in readers:
            reader.join()
        crossed = traffic()
    rate = 60 / seconds
    console.print(
        f"{'busy' if busy else 'idle'}, in a minute: {sum(crossed.requests.values()) * rate:.0f} upstream "
        f"requests, {(crossed.to_client + crossed.to_server) * rate / 1e3:.1f} kB, for "
        f"{sum(reads) * rate:.0f} reads and {moved * rate:.0f} moved aliases"
    )


def loads(stage: Stage, rounds: int, size: int, folder: Path) -> None:
    """Load the same files through the mirror, as an own model, and from the provider, in turn."""
    acme, globex = stage.two.acme.url, stage.two.globex[0].url
    stage.two.at_globex(lambda admin: admin.register(folder / "model_2", OWN, "Champion"))
    contenders = {
        "through a warm mirror": (globex, globex, ABROAD),
        "an own model": (globex, globex, OWN),
        "the provider's server, over the link": (stage.two.link.url, acme, MODEL),
    }
    with ExitStack() as stack:
        books: dict[str, Notebook] = {}
        for name, (host, server, _) in contenders.items():
            work = folder / name
            work.mkdir()
            environment = {"DATABRICKS_HOST": host, "DATABRICKS_TOKEN": stage.tokens[server]}
            environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{work}/runs.db"
            books[name] = stack.enter_context(notebook(work, {**os.environ, **environment}))
            books[name].run(LOAD)
            books[name].value(f'load("{contenders[name][2]}")')
        taken = [
            {name: books[name].value(f'load("{contenders[name][2]}")') for name in books}
            for _ in range(rounds)
        ]
    table = Table(
        title=f"Stock MLflow loads {size / 1e6:.1f} MB, medians of {rounds}", title_justify="left", box=None
    )
    for column in ("", "seconds", "by an own model"):
        table.add_column(column, justify="right" if column else "left")
    for name in contenders:
        ratio = statistics.median(each[name] / each["an own model"] for each in taken)
        table.add_row(name, f"{statistics.median(each[name] for each in taken):.3f}", f"{ratio:.2f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=1_000)
    parser.add_argument("--versions", type=int, default=10, help="of each model")
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60, help="that are counted idle, and busy")
    parser.add_argument("--size", type=int, default=100_000_000, help="bytes of the model that is loaded")
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    console.print(machine() + "\n")
    os.environ.update(UNLIMITED)
    with tempfile.TemporaryDirectory(prefix="model-sharing-bench-") as name:
        folder = Path(name)
        files = ({"weights.bin": 1000}, {"weights.bin": options.size})
        sources = [write_model(folder / f"model_{number}", each) for number, each in enumerate(files, 1)]
        settings = Settings(folder / "globex", allowed_provider_networks=LOOPBACK)
        with two_metastores(folder, sources, settings, delay_ms=DELAY_MS) as two:
            stage = Stage(two)
            two.add_provider()
            first_sync(stage, options.models, options.versions)
            changes(stage, options.changes)
            minute(stage, options.seconds, busy=False)
            minute(stage, options.seconds, busy=True)
            loads(stage, options.rounds, options.size, folder)


if __name__ == "__main__":
    main()
