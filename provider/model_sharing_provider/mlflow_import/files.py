"""Files of a version at an MLflow server's artifact proxy, as they arrive."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping

from model_sharing_protocol.errors import CorruptArtifact, InvalidModel
from model_sharing_protocol.manifest import MAX_FILES
from model_sharing_protocol.model_formats import ModelFormat
from model_sharing_protocol.paths import check_relative_path
from model_sharing_provider.artifacts.fingerprints import Fingerprint
from model_sharing_provider.artifacts.store import Advance
from model_sharing_provider.mlflow_import.client import MlflowClient, again
from model_sharing_provider.services.publishing.arriving_models import Take
from model_sharing_provider.services.publishing.formats.table import choose_format
from model_sharing_provider.services.publishing.mlmodel import (
    MLMODEL,
    check_mlmodel_size,
    parse_mlmodel,
)
from model_sharing_provider.services.publishing.model_folders import check_paths


class ProxiedModel:
    """Model below `root` at the artifact proxy, whose MLmodel file is here already."""

    def __init__(
        self, client: MlflowClient, root: str, sizes: Mapping[str, int | None], mlmodel: bytes
    ) -> None:
        self.location = root
        self.sizes = sizes
        self._client = client
        self._mlmodel = mlmodel

    @again
    async def deliver(self, path: str, take: Take, advance: Advance) -> Fingerprint:
        """Let a file be taken as it arrives. Raises CorruptArtifact and the client's errors."""
        if path == MLMODEL:
            advance(len(self._mlmodel))
            return await take(_stream(self._mlmodel))
        arriving = _Arriving(path, self.sizes[path], advance)
        try:
            async with self._client.file(f"{self.location}/{path}") as chunks:
                return await take(arriving.checked(chunks))
        except BaseException:
            advance(-arriving.received)
            if arriving.failure is not None:  # whatever the taker made of it
                raise arriving.failure from None
            raise


async def find_model(client: MlflowClient, root: str) -> ProxiedModel:
    """Find the model below `root`, and fetch its MLmodel, so that an invalid version costs no more.

    Raises InvalidModel, UnsafePath, CorruptArtifact and the client's errors.
    """
    sizes = await _list(client, root)
    choose_format(root, sizes, ModelFormat.MLFLOW)
    check_paths(sizes)
    check_mlmodel_size(sizes[MLMODEL] or 0)
    mlmodel = await _fetch_mlmodel(client, root, sizes[MLMODEL])
    parse_mlmodel(mlmodel)
    return ProxiedModel(client, root, sizes, mlmodel)


class _Arriving:
    """File that arrives: how much was `received`, and the `failure` that ended it, if one did."""

    def __init__(self, path: str, size: int | None, advance: Advance) -> None:
        self.received = 0
        self.failure: Exception | None = None
        self._path = path
        self._size = size
        self._advance = advance

    async def checked(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Pass the bytes on. Raises CorruptArtifact if they are not as many as were listed."""
        try:
            async for chunk in chunks:
                self.received += len(chunk)
                self._advance(len(chunk))
                self._check_size(is_end=False)
                yield chunk
            self._check_size(is_end=True)
        except Exception as error:
            self.failure = error
            raise

    def _check_size(self, *, is_end: bool) -> None:
        if self._size is not None and (
            self.received > self._size or (is_end and self.received != self._size)
        ):
            raise CorruptArtifact(
                f"The MLflow server sent {self.received} bytes of {self._path}, which has {self._size}."
            )


@again
async def _fetch_mlmodel(client: MlflowClient, root: str, size: int | None) -> bytes:
    arriving = _Arriving(MLMODEL, size, lambda _: None)
    content = bytearray()
    async with client.file(f"{root}/{MLMODEL}") as chunks:
        async for chunk in arriving.checked(chunks):
            content += chunk
            check_mlmodel_size(len(content))
    return bytes(content)


async def _stream(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _list(client: MlflowClient, root: str) -> dict[str, int | None]:
    """Relative paths with sizes, if the server knows them."""
    sizes: dict[str, int | None] = {}
    folders = [""]
    for number, folder in enumerate(folders):
        if number + len(sizes) > MAX_FILES:
            raise InvalidModel(f"{root} contains more than {MAX_FILES} files and folders.")
        for entry in await client.folder(f"{root}/{folder}".rstrip("/")):
            path = check_relative_path(f"{folder}/{entry.path}".lstrip("/"))
            if entry.is_dir:
                folders.append(path)
            else:
                sizes[path] = entry.file_size
    return sizes
