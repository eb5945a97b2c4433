"""`snapshot_download` of huggingface_hub through our door, against a static server behind the same client.

That is nginx, which looks at no token and writes no audit log: files, and beside them the few answers of the
Hub's API that the client asks for. Our own client is there, too, which alone verifies what it received. All
is kept in memory where there is room, so that no disk is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peers import stored
from side_by_side import Run, compare, console, machine, timed
from stage import Stage, in_memory, serving
from static_server import make_certificate, nginx
from transfers import download

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.hugging_face_hub import NEWEST
from support.processes.virtual_environments import virtual_environment

SNAPSHOT = """
import sys
from huggingface_hub import snapshot_download
snapshot_download(sys.argv[1], revision=sys.argv[2])
"""
COMMIT = "0" * 39 + "1"
LOCATIONS = """
location /api/ { default_type application/json; try_files $uri $uri/index.json =404; }
location ~ /resolve/ { add_header X-Repo-Commit %s; }
"""
STATIC = "nginx"


@dataclass(frozen=True)
class Doors:
    """Provider's server, and a static server with the same files."""

    stage: Stage
    static: str

    @property
    def provider(self) -> str:
        return self.stage.endpoint.partition("/delta-sharing")[0]

    def snapshot(self, door: str, repository: str, revision: str) -> Run:
        """Download of a whole version into an empty cache."""
        home = self.stage.folder / "out"
        shutil.rmtree(home, ignore_errors=True)
        environment = {
            **os.environ,
            "PYTHONPATH": "",
            "HF_HOME": str(home),
            "HF_ENDPOINT": door,
            "HF_TOKEN": self.stage.token,
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        return timed([str(virtual_environment(NEWEST)), "-c", SNAPSHOT, repository, revision], environment)

    def contenders(self, model: str) -> dict[str, Callable[[], Run]]:
        """The last one is the reference."""
        ours = f"{self.provider}/hf/acme"
        return {
            "our client, verified": lambda: download(self.stage, model),
            "through our door": lambda: self.snapshot(ours, f"bench/{model}", "Champion"),
            STATIC: lambda: self.snapshot(self.static, f"bench/{model}", "main"),
        }


def write_hub(root: Path, repository: str, files: Path) -> None:
    """The files of a repository, and what the API says of it, as a static server can have them."""
    shutil.copytree(files, root / repository / "resolve" / COMMIT, copy_function=os.link)
    paths = [str(path.relative_to(files)) for path in files.rglob("*") if path.is_file()]
    sizes = {path: (files / path).stat().st_size for path in paths}
    for number, path in enumerate(paths):
        # An ETag of nginx is time and size, and a client that has seen one fetches no other file with it.
        os.utime(root / repository / "resolve" / COMMIT / path, (number, number))
    info = {
        "id": repository,
        "sha": COMMIT,
        "private": True,
        "tags": [],
        "siblings": [{"rfilename": path} for path in paths],
    }
    tree = [
        {"type": "file", "path": path, "size": size, "oid": f"{number:040}"}
        for number, (path, size) in enumerate(sizes.items())
    ]
    answers = {f"revision/{revision}": info for revision in ("main", COMMIT)} | {f"tree/{COMMIT}": tree}
    for path, answer in answers.items():
        folder = root / "api" / "models" / repository / path
        folder.mkdir(parents=True)
        (folder / "index.json").write_text(json.dumps(answer))


@contextmanager
def serving_both(folder: Path, models: Mapping[str, dict[str, int]]) -> Iterator[Doors]:
    root = folder / "hub"
    with serving(folder, dict(models)) as stage:
        for name, sizes in models.items():
            write_hub(root, f"bench/{name}", stored(stage, sizes))
        with nginx(folder / "nginx", root, make_certificate(folder), LOCATIONS % COMMIT) as static:
            yield Doors(stage, static.http)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2 * 2**30, help="bytes of a model in four shards")
    parser.add_argument("--files", type=int, default=1000, help="how many small files of 20 KiB")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    models = {
        "large": {f"model-0000{n}-of-00004.safetensors": options.size // 4 for n in range(1, 5)},
        "small": {f"part{n % 50}/{n}.bin": 20 * 1024 for n in range(options.files)},
    }
    titles = {
        "large": f"snapshot_download of {options.size / 2**30:g} GiB in four files",
        "small": f"snapshot_download of {options.files:,} files of 20 KiB",
    }
    console.print(machine() + "\n")
    with in_memory(4 * options.size) as folder, serving_both(folder, models) as doors:
        for model, title in titles.items():
            contenders = doors.contenders(model)
            for contender in contenders.values():
                contender()
            compare(title, sum(models[model].values()), contenders, options.rounds)


if __name__ == "__main__":
    main()
