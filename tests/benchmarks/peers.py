"""First loads against what people download with today, and second loads, in one run: `make bench-peers`.

Ours lists, fetches and verifies every byte into its cache. The others fetch the same bytes and check nothing:
curl, aria2c and `huggingface_hub` from nginx; MLflow's client from a plain `mlflow server`. The least that
Python takes is in `floors`. All is kept in memory where there is room, so that no disk is measured; each runs
once before it counts, and its output is deleted just before, so that nobody is the first to touch a page.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from floors import fetch_hashed, fetch_small
from results import Panel, Row, arguments, report
from side_by_side import Run, compare, console, machine, medians, speed_by, timed
from stage import BIN, Stage, in_memory, serving
from static_server import make_certificate, nginx
from transfers import again, download
from warm_load import warm_loads

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.processes.mlflow_server import running_mlflow_server
from support.processes.virtual_environments import virtual_environment

HUGGING_FACE = "huggingface_hub==2.4.0"
HTTP_GET = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from huggingface_hub.file_download import http_get

def get(line):
    url, path, size = line.split("\\t")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        http_get(url, file, expected_size=int(size), displayed_filename=path)

with ThreadPoolExecutor(8) as threads:  # as snapshot_download does
    list(threads.map(get, Path(sys.argv[1]).read_text().splitlines()))
"""
MLFLOW_DOWNLOAD = """
import sys, mlflow
mlflow.artifacts.download_artifacts(artifact_uri=f"mlflow-artifacts:/{sys.argv[1]}", dst_path=sys.argv[2])
"""
OURS = "model-sharing, verified"
FLOOR = "floor of Python"
WARM = "Loading a small model again"


@dataclass(frozen=True)
class Peers:
    """Servers with the same files; `sizes` of the downloads, in bytes, by model and path."""

    stage: Stage
    static: str
    mlflow: str
    sizes: Mapping[str, Mapping[str, int]]

    @property
    def out(self) -> Path:
        return self.stage.folder / "out"

    def curl(self, model: str, *options: str) -> Run:
        lines = [f'url = "{url}"\noutput = "{self.out / name}"' for name, url in self._urls(model).items()]
        config = self._written("curl.config", lines)
        return self._timed(["curl", "-sS", "--fail", "--create-dirs", *options, "-K", config])

    def aria2c(self, model: str) -> Run:
        lines = [f"{url}\n out={name}" for name, url in self._urls(model).items()]
        listed = self._written("aria2.txt", lines)
        options = ["-x8", "-s8", "-j8", "--file-allocation=none", "--quiet", f"--dir={self.out}"]
        return self._timed(["aria2c", *options, "-i", listed])

    def hugging_face(self, model: str) -> Run:
        sizes = self.sizes[model]
        lines = [f"{url}\t{self.out / name}\t{sizes[name]}" for name, url in self._urls(model).items()]
        listed = self._written("http_get.txt", lines)
        quiet = {**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "PYTHONPATH": ""}
        return self._timed([str(virtual_environment(HUGGING_FACE)), "-c", HTTP_GET, listed], quiet)

    def mlflow_client(self, model: str) -> Run:
        quiet = {"MLFLOW_TRACKING_URI": self.mlflow, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
        command = [str(BIN / "python"), "-c", MLFLOW_DOWNLOAD, model, str(self.out)]
        return self._timed(command, {**os.environ, **quiet})

    def floor(self, model: str) -> Run:
        """The least of Python; small files come in one file, as nginx knows no packs."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        sizes = self.sizes[model]
        if model == "small":
            packed = self.stage.folder / "provider" / "artifacts" / "packed.bin"
            if not packed.exists():
                packed.write_bytes(os.urandom(max(sizes.values()) * len(sizes)))
            return fetch_small(f"{self.static}/{packed.name}", sizes, self.out)
        ((name, url),) = self._urls(model).items()
        return fetch_hashed(url, sizes[name], self.out)

    def _urls(self, model: str) -> dict[str, str]:
        folder = stored(self.stage, self.sizes[model])
        root = self.stage.folder / "provider" / "artifacts"
        return {name: f"{self.static}/{folder.relative_to(root)}/{name}" for name in self.sizes[model]}

    def _timed(self, command: list[str], environment: Mapping[str, str] | None = None) -> Run:
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        return timed(command, environment)

    def _written(self, name: str, lines: list[str]) -> str:
        path = self.stage.folder / name
        path.write_text("\n".join(lines))
        return str(path)


def stored(stage: Stage, sizes: Mapping[str, int]) -> Path:
    """Folder in which the provider keeps the version with these files: as they are, by their own names."""
    name = next(iter(sizes))
    (found,) = (stage.folder / "provider" / "artifacts").glob(f"models/*/versions/*/{name}")
    return found.parents[name.count("/")]


@contextmanager
def serving_all(folder: Path, models: dict[str, dict[str, int]]) -> Iterator[Peers]:
    """Our provider, nginx and an MLflow server on the same bytes."""
    plain = folder / "mlflow"
    plain.mkdir()
    with (
        serving(folder, models) as stage,
        nginx(folder / "nginx", folder / "provider" / "artifacts", make_certificate(folder)) as static,
        running_mlflow_server(plain) as mlflow,
    ):
        for name, sizes in models.items():
            shutil.copytree(stored(stage, sizes), plain / "artifacts" / name, copy_function=os.link)
        yield Peers(stage, static.http, mlflow, models)


def contenders(peers: Peers, model: str) -> dict[str, Callable[[], Run]]:
    """Those that are installed here; the last one is the reference."""
    found: dict[str, Callable[[], Run]] = {
        OURS: lambda: download(peers.stage, model),
        "model-sharing, again": lambda: again(peers.stage, model),
        "MLflow": lambda: peers.mlflow_client(model),
        "huggingface_hub": lambda: peers.hugging_face(model),
    }
    if shutil.which("aria2c"):
        found["aria2c, 8 connections"] = lambda: peers.aria2c(model)
    if model == "small":
        found["curl, in parallel"] = lambda: peers.curl(model, "-Z")
    return found | {FLOOR: lambda: peers.floor(model), "curl": lambda: peers.curl(model)}


def first_loads(model: str, title: str, runs: dict[str, list[Run]], size: int) -> list[Row]:
    """Rows of a first load of the large file, of `size` bytes, or of the small ones."""
    speed = speed_by(runs, OURS, "curl")
    if model == "small":
        return [Row.at_least(f"First load, verified: {title}", speed, "x", 2, "curl")]
    cpu = medians(runs, "cpu")[OURS] / (size / 2**30)
    return [
        Row.at_least(f"First load, verified: {title}", speed, "x", 0.95, "curl"),
        Row.at_most("CPU of a first load, verified", cpu, "s/GiB", 1.2),
        Row.at_most("Peak memory of a first load", medians(runs, "peak")[OURS] / 2**20, "MiB", 60),
    ]


def main() -> None:
    parser = arguments(__doc__, rounds=5)
    parser.add_argument("--size", type=int, default=2 * 2**30, help="bytes of the large file")
    parser.add_argument("--files", type=int, default=5000, help="how many small files of 20 KiB")
    options = parser.parse_args()
    models = {
        "large": {"weights.bin": options.size},
        "small": {f"part{n % 50}/{n}.bin": 20 * 1024 for n in range(options.files)},
    }
    titles = {
        "large": f"One file of {options.size / 2**30:g} GiB",
        "small": f"{options.files:,} files of 20 KiB",
    }
    console.print(machine() + "\n")
    panels, rows = [], []
    with (
        in_memory(4 * options.size) as folder,
        serving_all(folder, models) as peers,
    ):
        for model, title in titles.items():
            several = contenders(peers, model)
            for contender in several.values():
                contender()
            runs = compare(title, sum(models[model].values()), several, options.rounds)
            seconds = medians(runs, "seconds")
            del seconds[FLOOR]
            panels.append(Panel(title, "s", seconds))
            rows += first_loads(model, title, runs, options.size)
            if model == "large":
                memory = {name: peak / 2**20 for name, peak in medians(runs, "peak").items() if name != FLOOR}
        panels.append(Panel(WARM, "ms", warm_loads(peers.stage, peers.mlflow, options.rounds * 4)))
    panels.append(Panel(f"{titles['large']}: peak memory", "MiB", memory))
    for name, milliseconds in panels[2].values.items():
        console.print(f"{WARM}, {name}: {milliseconds:.1f} ms")
    report([*rows, *panels], keep=options.save)


if __name__ == "__main__":
    main()
