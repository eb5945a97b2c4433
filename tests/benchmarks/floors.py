"""Floors of first loads: the least that Python needs to fetch, hash and write the same bytes.

These programs know beforehand what to fetch, ask nobody, check against nothing, and repair nothing; they
import what answers and signatures are read with. What they take, a first load in Python takes at least,
whatever is done around it. Large files are hashed by BLAKE3, as in a first load.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from side_by_side import Run, timed

_LIBRARIES = "import msgspec, cryptography.hazmat.primitives.serialization"
_LARGE = """
import http.client, os, sys
from blake3 import blake3
from threading import Thread
from urllib.parse import urlsplit

url, size, out = urlsplit(sys.argv[1]), int(sys.argv[2]), os.open(sys.argv[3], os.O_CREAT | os.O_WRONLY)
BLOCK, CONNECTIONS = 2**20, 8

def fetch(number):
    position, end = (size * each // CONNECTIONS // BLOCK * BLOCK for each in (number, number + 1))
    end = size if number + 1 == CONNECTIONS else end
    connection = http.client.HTTPConnection(url.netloc)
    connection.request("GET", url.path, headers={"Range": f"bytes={position}-{end - 1}"})
    response, block = connection.getresponse(), memoryview(bytearray(BLOCK))
    while position < end:
        filled = 0
        while filled < min(BLOCK, end - position):
            filled += response.readinto(block[filled:])
        blake3(block[:filled]).digest()
        os.pwrite(out, block[:filled], position)
        position += filled

threads = [Thread(target=fetch, args=(number,)) for number in range(CONNECTIONS)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
_SMALL = """
import hashlib, http.client, os, sys
from urllib.parse import urlsplit

url, size, count, out = urlsplit(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
os.makedirs(f"{out}/blobs")
os.makedirs(f"{out}/version")
connection = http.client.HTTPConnection(url.netloc)
connection.request("GET", url.path)
response, content = connection.getresponse(), memoryview(bytearray(size))
for number in range(count):
    filled = 0
    while filled < size:
        filled += response.readinto(content[filled:])
    digest = hashlib.sha256(content).hexdigest()
    with open(f"{out}/arriving", "wb") as file:
        file.write(content)
    os.rename(f"{out}/arriving", f"{out}/blobs/{digest}")
    os.link(f"{out}/blobs/{digest}", f"{out}/version/{number}")
"""


def fetch_hashed(url: str, size: int, out: Path) -> Run:
    """Fetch a file by eight connections, hash each block of 1 MiB, and write it to its place."""
    return timed([sys.executable, "-c", _LIBRARIES + _LARGE, url, str(size), str(out / "weights.bin")])


def fetch_small(url: str, sizes: Mapping[str, int], out: Path) -> Run:
    """Fetch so many files by one response, hash each, write it, move it to its place, and link it."""
    count, size = len(sizes), max(sizes.values())
    return timed([sys.executable, "-c", _LIBRARIES + _SMALL, url, str(size), str(count), str(out)])
