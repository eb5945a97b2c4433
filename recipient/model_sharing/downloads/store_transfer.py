"""Transfers from a cloud's object store by temporary credentials, where a provider gives no URLs of files.

By pyarrow, if it is installed: no cloud's client is a dependency of recipients. It calls the cloud that the
location names, with the provider's credentials and none of this machine's.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from model_sharing.downloads.transfer.rate_limit import RateLimit
from model_sharing.downloads.transfer.transfer import Target
from model_sharing.transport import bounds
from model_sharing_protocol.errors import (
    Interrupted,
    InvalidState,
    MissingDependency,
    NotASharingServer,
    ServerUnreachable,
    UnsupportedOperation,
)
from model_sharing_protocol.manifest import MAX_FILES, ManifestFile
from model_sharing_protocol.open_sharing import TemporaryCredentials
from model_sharing_protocol.paths import MAX_PATH_LENGTH
from model_sharing_protocol.printable import printable

_READ_BYTES = 1024 * 1024
_DOTS = {"", ".", ".."}
_LOCATION = re.compile(r"s3a?://(?P<bucket>[a-z0-9][a-z0-9._-]{1,254})/(?P<path>.{1,1024}?)/?")
_KEY = re.compile(r"[!-~]{1,8192}")
"""Key or token: what ends a line would add headers, or requests, to those that are signed with it."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """File in an object store: its path below the location, its size in bytes, and when it was written."""

    path: str
    size: int
    written_at: str


class StoreTransfer:
    """Transfers of the files below one location."""

    def __init__(
        self, location: str, credentials: TemporaryCredentials, limit: RateLimit | None = None
    ) -> None:
        """Open a store. Raises MissingDependency, UnsupportedOperation, NotASharingServer."""
        self._fs = _pyarrow_fs()
        self._limit = limit
        self._stopped = threading.Event()
        self._store, self._root = _open(self._fs, location, credentials)
        self._written_at: dict[str, str] = {}

    def list(self) -> list[StoredFile]:
        """List all files.

        Raises NotASharingServer for too many, or names that no files have; ServerUnreachable, Interrupted.
        """
        found: list[StoredFile] = []
        folders, asked = [self._root], 0
        until = time.monotonic() + bounds.LISTING_SECONDS
        while folders:
            self._check_not_stopped()
            if time.monotonic() > until:
                raise ServerUnreachable(
                    f"The files of {self._root} could not be listed in {bounds.LISTING_SECONDS:g} seconds."
                )
            files, inner = self._list_folder(folders.pop())
            found += files
            folders += inner
            asked += 1
            if asked + len(found) + len(folders) > MAX_FILES:
                raise NotASharingServer(f"{self._root} has more than {MAX_FILES} files and folders.")
        self._written_at = {file.path: file.written_at for file in found}
        return found

    def _list_folder(self, folder: str) -> tuple[Sequence[StoredFile], Sequence[str]]:
        """Files and folders in a folder. Names may be anything in a store, and lead round in a circle."""
        files, folders = [], []
        with _translated(folder):
            found = self._store.get_file_info(self._fs.FileSelector(folder, allow_not_found=True))
        for info in found:
            path, is_inside = info.path.removeprefix(f"{self._root}/"), info.path.startswith(f"{folder}/")
            if not is_inside or info.base_name in _DOTS or len(path) > MAX_PATH_LENGTH:
                raise NotASharingServer(
                    f"In {folder[:300]!r} is the name {info.path[-300:]!r}, which no file can have here."
                )
            if info.is_file:
                files.append(StoredFile(path, info.size, str(info.mtime_ns)))
            else:
                folders.append(info.path)
        return files, folders

    def run(self, file: ManifestFile, target: Target) -> None:
        """Fill `target` with the bytes of `file`. Raises InvalidState for one that was replaced meanwhile."""
        path = f"{self._root}/{file.path}"
        most = min(_READ_BYTES, self._limit.read_size) if self._limit else _READ_BYTES
        with _translated(file.path):
            info = self._store.get_file_info(path)
            if (info.size, str(info.mtime_ns)) != (file.size, self._written_at[file.path]):
                raise InvalidState(
                    f"The file {file.path!r} was replaced or removed since it was listed. Run the same again."
                )
            stream = self._store.open_input_file(path)
        with stream:
            while target.position < target.end:
                with _translated(file.path):
                    data = stream.read_at(min(most, target.end - target.position), target.position)
                if not data:
                    raise ServerUnreachable(f"The transfer of {file.path!r} ended early. Run the same again.")
                self._pause(len(data))
                target.accept(memoryview(data))

    def stop(self) -> None:
        """Stop every transfer, by Interrupted."""
        self._stopped.set()

    def close(self) -> None:
        """Do nothing: pyarrow closes its connections."""

    def _pause(self, received: int) -> None:
        if self._limit is not None:
            self._stopped.wait(self._limit.delay(received))
        self._check_not_stopped()

    def _check_not_stopped(self) -> None:
        if self._stopped.is_set():
            raise Interrupted("The download was stopped. Run the same again: it goes on where it stopped.")


def _pyarrow_fs() -> ModuleType:
    try:
        import pyarrow.fs  # noqa: PLC0415 - optional
    except ImportError as error:
        raise MissingDependency(
            "This provider gives credentials of its object store and no URLs; pyarrow reads such stores: "
            "pip install pyarrow"
        ) from error
    found: ModuleType = pyarrow.fs
    return found


def _open(fs: ModuleType, location: str, credentials: TemporaryCredentials) -> tuple[Any, str]:
    """File system of pyarrow, and the path of the location in it."""
    keys = credentials.aws_temp_credentials
    if not location.startswith(("s3://", "s3a://")) or keys is None:
        raise UnsupportedOperation(
            f"The provider gives no URLs, but credentials for {location[:300]!r}; of such stores only those "
            "with the API of S3 are read here. Read it with a client of that store."
        )
    place = _LOCATION.fullmatch(location)
    if place is None or not place["path"].isprintable() or _DOTS & set(place["path"].split("/")):
        raise NotASharingServer(f"The provider gives {location[:300]!r} as a location, which is none.")
    if not all(map(_KEY.fullmatch, (keys.access_key_id, keys.secret_access_key, keys.session_token))):
        raise NotASharingServer(f"The provider gives credentials for {location[:300]!r} which are none.")
    bucket, path = place["bucket"], place["path"]
    with _translated(bucket):
        store = fs.S3FileSystem(
            access_key=keys.access_key_id,
            secret_key=keys.secret_access_key,
            session_token=keys.session_token,
            connect_timeout=bounds.CONNECT_SECONDS,
            request_timeout=bounds.CONNECT_SECONDS,
            **_place(fs, bucket),
        )
    return store, f"{bucket}/{path}"


def _place(fs: ModuleType, bucket: str) -> dict[str, str]:
    """Region of a bucket; or another server than Amazon's, as this machine's environment names it."""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        parts = urlsplit(endpoint)
        return {
            "endpoint_override": parts.netloc,
            "scheme": parts.scheme,
            "region": region or "us-east-1",
        }
    return {"region": region or str(fs.resolve_s3_region(bucket))}


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn errors of the store into ServerUnreachable; pyarrow has no finer ones."""
    try:
        yield
    except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
        reason = printable(str(error).splitlines()[0])[:300] if str(error) else type(error).__name__
        raise ServerUnreachable(f"The object store did not give {what[:300]!r}: {reason}") from error
