"""A forward proxy (tinyproxy), such as companies have between their machines and the world."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.processes.servers import free_port, running_server

_ASKED = re.compile(r"Request \(file descriptor \d+\): (\S+ [^/\s]\S*)")  # without what is asked of itself


@dataclass(frozen=True)
class Tinyproxy:
    """`address` is host and port; `asked` are the methods and targets of its requests so far."""

    address: str
    log: Path

    @property
    def asked(self) -> list[str]:
        return _ASKED.findall(self.log.read_text())


@contextlib.contextmanager
def running_tinyproxy(folder: Path, *settings: str) -> Iterator[Tinyproxy]:
    """Tinyproxy on a port of its own, with these lines more in its configuration."""
    program = shutil.which("tinyproxy", path="/usr/bin:/usr/local/bin:/usr/sbin")
    if program is None:
        raise RuntimeError("This test needs tinyproxy: apt-get install tinyproxy, as .ci/run does.")
    port = free_port()
    log = folder / "asked.log"
    lines = [f"Port {port}", "Listen 127.0.0.1", f'LogFile "{log}"', "LogLevel Connect", "MaxClients 100"]
    configuration = folder / "tinyproxy.conf"
    configuration.write_text("\n".join([*lines, *settings, ""]))
    address = f"127.0.0.1:{port}"
    with running_server(
        [program, "-d", "-c", configuration], f"http://{address}/", folder, {"NO_PROXY": "*"}
    ):
        yield Tinyproxy(address, log)
