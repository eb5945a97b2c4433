"""The provider's route to file contents against nginx: one large file over http and https, and small ones.

Small requests are measured too, alone and beside a large transfer that fills the line; nginx beside its own.
The floors of small files are an aiohttp handler that does nothing but read the file and answer, the same with
a row that a thread commits to SQLite before the answer, and with an event that our recorder commits, as each
of our answers promises.
"""

from __future__ import annotations

import http.client
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

from resolution import committing_an_event
from results import Row, arguments, report
from side_by_side import Run, compare, console, machine, serving_cost, speed_by
from stage import Stage, in_memory, serving
from static_server import StaticServer, nginx, trusted_certificate

_FLOOR = """
import asyncio, sys, uvloop
from pathlib import Path
from aiohttp import web

async def answer(request):
    return web.Response(body=(Path(sys.argv[2]) / request.match_info["path"]).read_bytes())

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
_COMMITTED = """
import sqlite3
from concurrent.futures import ThreadPoolExecutor

rows = sqlite3.connect(sys.argv[1], isolation_level=None, check_same_thread=False)
for pragma in ("journal_mode=WAL", "synchronous=FULL"):
    rows.execute(f"PRAGMA {pragma}")
rows.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, said TEXT)")
thread = ThreadPoolExecutor(1)

def commit():
    rows.execute("BEGIN IMMEDIATE")
    rows.execute("INSERT INTO events (at, said) VALUES (?, ?)", (1, "said" * 50))
    rows.execute("COMMIT")

async def answer(request):
    await asyncio.get_running_loop().run_in_executor(thread, commit)"""
_FLOORS = {
    "bare aiohttp handler": _FLOOR,
    "the same, with a commit": _FLOOR.replace("async def answer(request):", _COMMITTED),
    "the same, with an event": committing_an_event(_FLOOR),
}
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
                with ExitStack() as stack:
                    floors = {
                        name: stack.enter_context(bare_handler(program, top / name, root))
                        for name, program in _FLOORS.items()
                    }
                    small = compare_small(stage, peer, floors, options.files, options.rounds)
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
def bare_handler(program: str, home: Path, root: Path) -> Iterator[tuple[int, str]]:
    """An aiohttp server of the files below `root`: its process id and its URL. Its events are in `home`."""
    command = [sys.executable, "-c", program, str(home), str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            yield server.pid, f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


def compare_small(
    stage: Stage, peer: StaticServer, floors: Mapping[str, tuple[int, str]], files: int, rounds: int
) -> float:
    """Our speed by nginx's. The first round, of files that the server was not asked for yet, is left out."""
    folder = _stored(stage, "0.bin").parent
    servers = {"provider": (stage.server, ""), **floors, "nginx": (peer.worker, peer.http)}

    def fetching(name: str) -> Callable[[], Run]:
        process, base = servers[name]
        urls = [f"{base}/{folder}/{n}.bin" for n in range(files)] if base else stage.urls("small").values()
        command = ["curl", "-sS", "--fail", "-K", _list(stage.folder / f"URLs of {name}", urls)]
        return lambda: serving_cost(command, [process])

    contenders = {name: fetching(name) for name in servers}
    first = {name: contenders[name]().seconds for name in contenders}
    runs = compare(
        f"The file route, {files} files of {_SMALL_BYTES // 1024} KiB, one request each; the server's CPU",
        files * _SMALL_BYTES,
        contenders,
        rounds,
    )
    console.print(f"Asked for the first time: {first['nginx'] / first['provider']:.2f} of nginx\n")
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


def _list(path: Path, urls: Iterable[str]) -> str:
    path.write_text("\n".join(f'url = "{url}"\noutput = "/dev/null"' for url in urls))
    return str(path)


def _stored(stage: Stage, name: str) -> Path:
    """Path of the only file of this name among the provider's artifacts."""
    root = stage.folder / "provider" / "artifacts"
    return next(root.rglob(name)).relative_to(root)


if __name__ == "__main__":
    main()
