"""The provider's route to file contents against nginx: one large file over http and https, and small ones.

Small requests are measured too, alone and beside a large transfer that fills the line.
"""

from __future__ import annotations

import http.client
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

from results import Row, arguments, report
from side_by_side import compare, console, machine, serving_cost, speed_by
from stage import Stage, in_memory, serving
from static_server import StaticServer, nginx, trusted_certificate

_SMALL_BYTES = 20 * 1024
_BESIDE = "beside a stream of 700 MB/s"


def main() -> None:
    parser = arguments(__doc__, rounds=5)
    parser.add_argument("--size", type=int, default=2 * 2**30, help="bytes of the large file")
    parser.add_argument("--files", type=int, default=1000, help="how many small files of 20 KiB")
    options = parser.parse_args()
    if not shutil.which("nginx"):
        console.print("nginx is not installed: the file route is not compared (apt-get install nginx-light)")
        return
    console.print(machine() + "\n")
    models = {
        "large": {"weights.bin": options.size},
        "small": {f"{n}.bin": _SMALL_BYTES for n in range(options.files)},
    }
    with in_memory(4 * options.size) as top:
        certificate = trusted_certificate(top)
        (top / "http").mkdir()
        (top / "https").mkdir()
        with serving(top / "http", models) as stage:
            root = top / "http" / "provider" / "artifacts"
            with nginx(top / "nginx", root, certificate) as peer:
                compare_large(stage, peer, peer.http, options.size, options.rounds)
                small = compare_small(stage, peer, options.files, options.rounds)
            waits = small_requests(stage)
        shutil.rmtree(top / "http")
        with serving(top / "https", {"large": models["large"]}, certificate) as stage:
            root = top / "https" / "provider" / "artifacts"
            with nginx(top / "nginx-tls", root, certificate) as peer:
                compare_large(stage, peer, peer.https, options.size, options.rounds)
    rows = [
        Row.at_least("A file of 20 KiB by one request", small, "x", 0.35, "nginx"),
        Row.at_most(f"Resolving an alias {_BESIDE}, p99", waits[_BESIDE], "ms", 3),
    ]
    report(rows, keep=options.save)


def compare_large(stage: Stage, peer: StaticServer, base: str, size: int, rounds: int) -> None:
    url = stage.urls("large")["weights.bin"]
    compare(
        f"The file route, one file of {size / 2**30:.1f} GiB, {urlsplit(url).scheme}; the server's CPU",
        size,
        {
            "provider": lambda: serving_cost(_curl(url), [stage.server]),
            "nginx": lambda: serving_cost(_curl(f"{base}/{_stored(stage, 'weights.bin')}"), [peer.worker]),
        },
        rounds,
    )


def compare_small(stage: Stage, peer: StaticServer, files: int, rounds: int) -> float:
    """Our speed by nginx's."""
    ours = _list(stage.folder / "ours", list(stage.urls("small").values()))
    folder = _stored(stage, "0.bin").parent
    theirs = _list(stage.folder / "theirs", [f"{peer.http}/{folder}/{n}.bin" for n in range(files)])
    runs = compare(
        f"The file route, {files} files of {_SMALL_BYTES // 1024} KiB, one request each; the server's CPU",
        files * _SMALL_BYTES,
        {
            "provider": lambda: serving_cost(["curl", "-sS", "--fail", "-K", ours], [stage.server]),
            "nginx": lambda: serving_cost(["curl", "-sS", "--fail", "-K", theirs], [peer.worker]),
        },
        rounds,
    )
    return speed_by(runs, "provider", "nginx")


def small_requests(stage: Stage) -> dict[str, float]:
    """Milliseconds, p99, of resolving an alias, alone and while a large file is on its way."""
    p99 = {}
    url = stage.urls("large")["weights.bin"]
    for name, options in (
        ("alone", None),
        (_BESIDE, "--limit-rate 700M"),
        ("beside one without limit", ""),
    ):
        with _streaming(url, options) if options is not None else nullcontext():
            cuts = statistics.quantiles(_latencies(stage), n=100)
        console.print(
            f"Resolving an alias {name}: p50 {cuts[49] * 1000:.1f} ms, p99 {cuts[98] * 1000:.1f} ms"
        )
        p99[name] = cuts[98] * 1000
    console.print()
    return p99


@contextmanager
def _streaming(url: str, options: str) -> Iterator[None]:
    loop = f"while curl -sS --fail {options} -o /dev/null '{url}'; do :; done"
    with subprocess.Popen(["sh", "-c", loop], start_new_session=True) as stream:
        time.sleep(0.5)
        yield
        os.killpg(stream.pid, 15)


def _latencies(stage: Stage, count: int = 1000) -> list[float]:
    where = urlsplit(stage.endpoint)
    connection = http.client.HTTPConnection(where.netloc)
    path = f"{where.path}/shares/acme/schemas/bench/models/large/aliases/Champion"
    found = []
    for _ in range(count):
        started = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {stage.token}"})
        connection.getresponse().read()
        found.append(time.perf_counter() - started)
    connection.close()
    return found


def _curl(url: str) -> list[str]:
    return ["curl", "-sS", "--fail", "-o", "/dev/null", url]


def _list(path: Path, urls: list[str]) -> str:
    path.write_text("\n".join(f'url = "{url}"\noutput = "/dev/null"' for url in urls))
    return str(path)


def _stored(stage: Stage, name: str) -> Path:
    """Path of the only file of this name among the provider's artifacts."""
    root = stage.folder / "provider" / "artifacts"
    return next(root.rglob(name)).relative_to(root)


if __name__ == "__main__":
    main()
