"""Memory of a download by the size of its file, up to 100 GB: the most that a recipient's process had.

The file is all zeros: a sparse one, served by nginx. What the recipient writes of it is left out, so that its
file is sparse, too, and no disk has to hold 100 GB; all else is what a load does, and each byte is verified
by its block digests.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from results import Row, arguments, report
from rich.table import Table
from side_by_side import console, machine, timed
from stage import BIN, in_memory
from static_server import make_certificate, nginx

from model_sharing_protocol.block_digests import BLOCK_BYTES, BlockDigestWriter
from model_sharing_protocol.chunk_maps import ChunkMapWriter, read_maps, write_maps

CHUNK_BYTES = 16 * BLOCK_BYTES
NAME = "0" * 64
"""Called the sha256 of the file: its blocks prove it."""
START = """
from model_sharing.api import blocking
print("started")
"""
FETCH = """
import json, sys
from pathlib import Path
from model_sharing.api import blocking
from model_sharing.cache.store import Cache
from model_sharing.downloads.engine import Engine
from model_sharing.downloads.job import Job
from model_sharing.downloads.measured_rates import MeasuredRates
from model_sharing.downloads.progress_counter import ProgressCounter
from model_sharing.downloads.reuse_planner import ReusePlanner
from model_sharing.downloads.transfer.connections import Connections
from model_sharing.downloads.transfer.file_urls import FileUrls
from model_sharing.filesystem.positioned_io import PositionedFile
from model_sharing.transport.file_origins import FileOrigins
from model_sharing_protocol.manifest import Manifest, ManifestFile

said = json.loads(sys.argv[1])
write, nothing = PositionedFile.write, bytes(1024 * 1024)
def leave_holes(self, data, offset):
    if bytes(data[:64]) != nothing[:64] or data != nothing[: len(data)]:
        write(self, data, offset)
PositionedFile.write = leave_holes
cache = Cache(Path(said["cache"]), "provider", accepts_blocks=True)
file = ManifestFile("weights.bin", said["size"], said["name"])
maps = ManifestFile("chunk maps", *said["maps"])
manifest = Manifest.of([file], maps)
urls = {each.sha256: f"{said['server']}/{each.sha256}" for each in (file, maps)}
job = Job(
    manifest,
    cache,
    Connections(FileOrigins(said["server"])),
    FileUrls(urls, lambda: urls),
    ProgressCounter(),
    parallel=said["jobs"],
    base_versions=lambda: (),
    rates=MeasuredRates(cache.rates_path()),
    trusts_blocks=True,
)
with cache.held(manifest), ReusePlanner(job) as planner:
    Engine(job, planner).run([file])
    assert cache.has_blob(file)
    cache.publish_snapshot(manifest)
"""


def maps_of_zeros(size: int) -> bytes:
    """Chunk maps with the block digests of a file of so many zeros, whole blocks."""
    one = BlockDigestWriter()
    one.update(bytes(BLOCK_BYTES))
    (block,) = one.finish(NAME)
    name = one.finish(NAME).sha256
    blocks, chunks = ChunkMapWriter(), ChunkMapWriter()
    for _ in range(size // BLOCK_BYTES):
        blocks.add(BLOCK_BYTES, block.sha256)
    for _ in range(size // CHUNK_BYTES):
        chunks.add(CHUNK_BYTES, bytes(32))
    content = write_maps([chunks.finish(NAME), blocks.finish(name)])
    assert len(read_maps(content)) == 2
    return content


def peak(folder: Path, server: str, size: int, jobs: int) -> tuple[float, int]:
    """Seconds and peak bytes of a first load of so many zeros."""
    files = folder / "files"
    with (files / NAME).open("wb") as file:
        file.truncate(size)
    maps = maps_of_zeros(size)
    digest = sha256(maps).hexdigest()
    (files / digest).write_bytes(maps)
    said = {
        "cache": str(folder / f"cache-{size}"),
        "size": size,
        "name": NAME,
        "maps": [len(maps), digest],
        "server": server,
        "jobs": jobs,
    }
    run = timed([str(BIN / "python"), "-c", FETCH, json.dumps(said)])
    return run.seconds, run.peak


def main() -> None:
    parser = arguments(__doc__, rounds=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 100], help="in units of 1000 MiB")
    parser.add_argument("--jobs", type=int, default=8)
    options = parser.parse_args()
    console.print(machine() + "\n")
    rows = []
    with in_memory(2**28) as folder:
        (folder / "files").mkdir()
        with nginx(folder / "nginx", folder / "files", make_certificate(folder)) as static:
            start = timed([str(BIN / "python"), "-c", START]).peak
            table = Table(title=f"Peak memory; {start / 2**20:.0f} MiB before anything", box=None)
            for column in ("size, GB", "peak MiB", "MB/s"):
                table.add_column(column, justify="right")
            for thousands in options.sizes:
                size = thousands * 1000 * BLOCK_BYTES
                seconds, most = peak(folder, static.http, size, options.jobs)
                table.add_row(f"{size / 1e9:.1f}", f"{most / 2**20:.0f}", f"{size / seconds / 1e6:.0f}")
                title = f"Memory of a first load of {size / 1e9:.0f} GB"
                rows.append(Row.at_most(title, most / 2**20, "MiB", 60))
            console.print(table)
    report(rows, keep=options.save)


if __name__ == "__main__":
    main()
