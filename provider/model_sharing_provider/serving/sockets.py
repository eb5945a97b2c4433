"""Sockets that a server listens on, and their TLS."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from model_sharing_protocol.errors import InvalidParameter, PortInUse, UnsupportedOperation
from model_sharing_protocol.network.plain_http import is_loopback, travels_in_clear
from model_sharing_protocol.text_files import decode_text, has_mark
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.keys.private_files import write_private

Sockets = Sequence[socket.socket]


def bound_sockets(host: str, port: int, processes: int) -> list[Sockets]:
    """Bind sockets for each process, all to the same addresses; none listens yet.

    The kernel spreads connections evenly over sockets that share a port. A socket that the parent holds open
    keeps its waiting connections, so a dead process can be replaced without refusing any. Raises PortInUse,
    InvalidParameter for an address not of this machine, and UnsupportedOperation if ports cannot be shared.
    """
    addresses = _addresses(host, port)
    alone = _bound(addresses)
    if processes == 1:
        return [alone]
    if not hasattr(socket, "SO_REUSEPORT") or os.name != "posix":
        raise UnsupportedOperation("Several workers need a platform where processes can share a port.")
    # Sharing would also admit processes that already share the port; that it is free was just checked.
    taken = [(found.family, found.getsockname()) for found in alone]
    for found in alone:
        found.close()
    return [_bound(taken, shared=True) for _ in range(processes)]


def url_of(host: str, sockets: Sockets, *, tls: bool) -> str:
    """URL of a server that listens on these sockets of `host`."""
    port = sockets[0].getsockname()[1]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def serves_in_clear(settings: Settings, sockets: Sockets) -> bool:
    """True if other machines would probably send tokens over plain http."""
    over_tls = urlsplit(settings.public_url).scheme == "https"
    return travels_in_clear(settings.public_url) or (not over_tls and _is_open(settings, sockets))


def _is_open(settings: Settings, sockets: Sockets) -> bool:
    """True if clients can connect without TLS, and no TLS proxy is configured."""
    if settings.tls_certificate or settings.trusted_proxies:
        return False
    return not all(is_loopback(str(each.getsockname()[0])) for each in sockets)


def tls_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """TLS context, or None for plain http. Raises InvalidParameter for unusable files."""
    if certificate is None:
        if key is not None:
            raise InvalidParameter("--tls-key requires --tls-certificate.")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        with _without_mark(certificate) as chain, _without_mark(key or certificate) as secret:
            context.load_cert_chain(chain, secret)
    except (ssl.SSLError, OSError, UnicodeDecodeError) as error:
        raise InvalidParameter(f"The TLS certificate {certificate} cannot be used: {error}.") from error
    return context


@contextlib.contextmanager
def _without_mark(file: Path) -> Iterator[Path]:
    """File, or a temporary copy without its byte order mark, which OpenSSL cannot read."""
    data = file.read_bytes()
    if not has_mark(data):
        yield file
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / file.name
        write_private(copy, decode_text(data).encode())
        yield copy


def _addresses(host: str, port: int) -> list[tuple[int, tuple[object, ...]]]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise InvalidParameter(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from error
    return list(dict.fromkeys((int(family), address) for family, _, _, _, address in found))


def _bound(addresses: Sequence[tuple[int, tuple[object, ...]]], *, shared: bool = False) -> Sockets:
    sockets: list[socket.socket] = []
    for family, address in addresses:
        # Port 0 has to become the same port at each address.
        port = sockets[0].getsockname()[1] if sockets else address[1]
        try:
            made = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(made)
            if os.name == "posix":
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind((address[0], port, *address[2:]))
        except OSError as error:
            for each in sockets:
                each.close()
            where = f"{address[0]}:{port}"
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(
                    f"Port {port} on {address[0]} is taken; stop what listens there, or choose another with "
                    "--port."
                ) from error
            raise InvalidParameter(f"Cannot listen on {where}: {error.strerror or error}.") from error
    return sockets
