"""Three cached versions of a model, and ways to look at a cache and to damage it."""

from __future__ import annotations

import os
import random
import time
from hashlib import sha256
from pathlib import Path

from model_sharing.cache.sealing import is_intact
from model_sharing.cache.store import Cache
from support.files import random_bytes, read_tree

NAME = "ml_team.iris_model"
COMMON = random_bytes(40_000, 99)
DAY = 86_400


def files_of(version: int) -> dict[str, bytes]:
    """30,000 bytes of its own, 40,000 that all versions share, and one."""
    return {"MLmodel": b"%d" % version, "own.bin": random_bytes(30_000, version), "common.bin": COMMON}


def set_last_used(cache: Cache, digest: str, *, days_ago: float) -> None:
    moment = time.time() - days_ago * DAY
    os.utime(cache.manifests / f"{digest.removeprefix('sha256:')}.json", (moment, moment))


def bytes_on_disk(folder: Path) -> int:
    files = {
        (s.st_dev, s.st_ino): s.st_size for path in folder.rglob("*") if path.is_file() and (s := path.stat())
    }
    return sum(files.values())


def whole(cache: Cache) -> set[str]:
    """The digests of the snapshots that are there; each is as it should be, and so is each of its blobs."""
    found = set()
    for folder in cache.snapshots.iterdir():
        manifest = cache.manifest(f"sha256:{folder.name}")
        assert manifest is not None
        assert {name: sha256(data).hexdigest() for name, data in read_tree(folder).items()} == {
            file.path: file.sha256 for file in manifest.files
        }
        assert all(is_intact(cache.blob_path(file.sha256), file, verify=True) for file in manifest.files)
        found.add(manifest.digest)
    return found


def flip(path: Path, dice: random.Random) -> None:
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path.chmod(0o644)
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
