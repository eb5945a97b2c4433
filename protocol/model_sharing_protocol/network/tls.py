"""TLS to servers: trusted certificate authorities, from the usual environment variables.

OpenSSL's SSL_CERT_FILE and SSL_CERT_DIR replace the system's file and folder of authorities. The file or
folder in REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE replaces both, as with requests and curl.
"""

from __future__ import annotations

import functools
import os
import ssl
from pathlib import Path

from model_sharing_protocol.errors import InvalidParameter

_FOLDERS = "SSL_CERT_DIR"
_OPENSSL = ("SSL_CERT_FILE", _FOLDERS)
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def client_tls() -> ssl.SSLContext:
    """TLS context for connections to servers, shared while the environment stays the same.

    Raises InvalidParameter for a variable that does not name certificates.
    """
    return _context(tuple((name, os.environ.get(name, "")) for name in (*_OPENSSL, *_BUNDLES)))


@functools.lru_cache(maxsize=4)
def _context(variables: tuple[tuple[str, str], ...]) -> ssl.SSLContext:
    named = {name: path for name, path in variables if path}
    for name, path in named.items():
        _check(name, path)
    context = None if any(name in named for name in _BUNDLES) else ssl.create_default_context()
    for path, name in {path: name for name, path in named.items()}.items():  # several often name the same
        is_folder = name == _FOLDERS or Path(path).is_dir()
        file, folder = (None, path) if is_folder else (path, None)
        try:
            if context is None:
                context = ssl.create_default_context(cafile=file, capath=folder)
            else:
                context.load_verify_locations(file, folder)
        except OSError as error:  # SSLError, too
            raise InvalidParameter(
                f"{name} is {path!r}, which has no readable certificates in PEM format."
            ) from error
    assert context is not None  # noqa: S101 - created by the first variable, or without any
    context.set_alpn_protocols(["http/1.1"])
    return context


def _check(name: str, path: str) -> None:
    """Check that a variable names certificates; OpenSSL would silently ignore it otherwise."""
    paths = path.split(os.pathsep) if name == _FOLDERS else [path]
    if not any(Path(each).exists() for each in paths if each):
        raise InvalidParameter(f"{name} is {path!r}, which does not exist.")
    if name == _FOLDERS and not any(Path(each).is_dir() for each in paths if each):
        raise InvalidParameter(f"{name} is {path!r}, which is not a folder.")
