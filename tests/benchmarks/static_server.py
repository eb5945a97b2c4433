"""nginx on a folder, over http and https, to compare with; `apt-get install nginx-light` brings it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_CONFIGURATION = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
user root;
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{http};
        listen 127.0.0.1:{https} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        root {root};
        {locations}
    }}
}}
"""


@dataclass(frozen=True)
class StaticServer:
    """Server's address, and the process id of its worker."""

    http: str
    https: str
    worker: int


@contextmanager
def nginx(folder: Path, root: Path, certificate: Path, locations: str = "") -> Iterator[StaticServer]:
    """Serve the files below `root`; `folder` is for nginx's own, `locations` adds to its configuration."""
    folder.mkdir()
    http, https = _free_port(), _free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder,
            root=root,
            locations=locations,
            certificate=certificate,
            http=http,
            https=https,
        )
    )
    with subprocess.Popen(["nginx", "-c", str(configuration), "-e", str(folder / "error.log")]) as server:
        try:
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
            while server.poll() is None and not children.read_text().strip():
                time.sleep(0.05)
            worker = int(children.read_text().split()[0])
            yield StaticServer(f"http://127.0.0.1:{http}", f"https://127.0.0.1:{https}", worker)
        finally:
            server.terminate()


def trusted_certificate(folder: Path) -> Path:
    """A certificate as `make_certificate` makes it, which every client that is started from here trusts."""
    certificate = make_certificate(folder)
    os.environ["SSL_CERT_FILE"] = os.environ["CURL_CA_BUNDLE"] = str(certificate)
    return certificate


def make_certificate(folder: Path) -> Path:
    """A PEM file with a key and a certificate for 127.0.0.1 that is its own authority."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    what = ["-subj", "/CN=benchmark", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    where: list[str | Path] = ["-keyout", key, "-out", certificate]
    subprocess.run(["openssl", "req", "-x509", *kind, *what, *where], check=True, capture_output=True)
    both = folder / "benchmark.pem"
    both.write_text(key.read_text() + certificate.read_text())
    return both


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
