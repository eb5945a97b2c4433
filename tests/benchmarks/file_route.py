"""The provider's route to file contents against nginx: one large file over http and https, and small ones.

Small requests are measured too, alone and beside a large transfer that fills the line; nginx beside its own.
The floor of small files is an aiohttp handler that does nothing but read the file and answer.
"""

from __future__ import annotations

import http.client
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

from results import Row, arguments, report
from side_by_side import Run, compare, console, machine, serving_cost, speed_by
from stage import Stage, in_memory, serving
from static_server import StaticServer, nginx, trusted_certificate

_FLOOR = """
import asyncio, sys, uvloop
from pathlib import Path
from aiohttp import web

async def answer(request):
    return web.Response(body=(Path(sys.argv[1]) / request.match_info["path"]).read_bytes())

async def main():
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()

uvloop.run(main())
"""
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
                with bare_handler(root) as floor:
                    small = compare_small(stage, peer, floor, options.files, options.rounds)
                waits = small_requests(stage)
                small_files_of_nginx(stage, peer)
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


@contextmanager
def bare_handler(root: Path) -> Iterator[tuple[int, str]]:
    """An aiohttp server of the files below `root`: its process id and its URL."""
    with subprocess.Popen([sys.executable, "-c", _FLOOR, str(root)], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        yield server.pid, f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.terminate()


def compare_small(stage: Stage, peer: StaticServer, floor: tuple[int, str], files: int, rounds: int) -> float:
    """Our speed by nginx's."""
    folder = _stored(stage, "0.bin").parent
    lists = {
        name: _list(stage.folder / name, urls)
        for name, urls in (
            ("ours", list(stage.urls("small").values())),
            ("floor", [f"{floor[1]}/{folder}/{n}.bin" for n in range(files)]),
            ("nginx", [f"{peer.http}/{folder}/{n}.bin" for n in range(files)]),
        )
    }

    def fetch(name: str, server: int) -> Run:
        return serving_cost(["curl", "-sS", "--fail", "-K", lists[name]], [server])

    runs = compare(
        f"The file route, {files} files of {_SMALL_BYTES // 1024} KiB, one request each; the server's CPU",
        files * _SMALL_BYTES,
        {
            "provider": lambda: fetch("ours", stage.server),
            "bare aiohttp handler": lambda: fetch("floor", floor[0]),
            "nginx": lambda: fetch("nginx", peer.worker),
        },
        rounds,
    )
    return speed_by(runs, "provider", "nginx")


def small_requests(stage: Stage) -> dict[str, float]:
    """Milliseconds, p99, of resolving an alias, alone and while a large file is on its way."""
    path = "/shares/acme/schemas/bench/models/large/aliases/Champion"
    headers = {"Authorization": f"Bearer {stage.token}"}
    return _waits("Resolving an alias", stage.endpoint + path, headers, stage.urls("large")["weights.bin"])


def small_files_of_nginx(stage: Stage, peer: StaticServer) -> None:
    """The same of nginx, for a small file: what such a wait is of this machine."""
    small, large = (f"{peer.http}/{_stored(stage, name)}" for name in ("0.bin", "weights.bin"))
    _waits("A small file of nginx", small, {}, large)


def _waits(what: str, url: str, headers: Mapping[str, str], large: str) -> dict[str, float]:
    p99 = {}
    for name, options in (
        ("alone", None),
        (_BESIDE, "--limit-rate 700M"),
        ("beside one without limit", ""),
    ):
        with _streaming(large, options) if options is not None else nullcontext():
            cuts = statistics.quantiles(_latencies(url, headers), n=100)
        console.print(f"{what} {name}: p50 {cuts[49] * 1000:.1f} ms, p99 {cuts[98] * 1000:.1f} ms")
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


def _latencies(url: str, headers: Mapping[str, str], count: int = 1000) -> list[float]:
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc)
    found = []
    for _ in range(count):
        started = time.perf_counter()
        connection.request("GET", where.path, headers=dict(headers))
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
