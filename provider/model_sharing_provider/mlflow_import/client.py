"""Client of an MLflow server's registry and artifact proxy, over its REST API.

It authenticates as MLflow's own client does: with MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or
with MLFLOW_TRACKING_TOKEN. It follows no redirects, so that no credentials reach another server.
"""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from model_sharing_protocol.errors import (
    InvalidParameter,
    NotASharingServer,
    NotFound,
    PermissionDenied,
    ServerUnreachable,
    SharingError,
    Unauthenticated,
    UnsupportedOperation,
)
from model_sharing_protocol.names import parse_version
from model_sharing_protocol.network.request_options import request_options
from model_sharing_protocol.paths import check_relative_path
from model_sharing_provider.mlflow_import.messages import (
    ArtifactEntry,
    ArtifactListing,
    DownloadUri,
    ErrorAnswer,
    LoggedModelAnswer,
    LoggedModelInfo,
    ModelVersion,
    ModelVersionsPage,
    RegisteredModel,
    RegisteredModelAnswer,
    RegisteredModelsPage,
    Run,
    RunAnswer,
)

T = TypeVar("T")
_API = "/api/2.0/mlflow"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
LOGGED_MODEL = "models:/m-"
_READ_BYTES = 1024 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=120)

# Transient errors are retried; after others, the import can be run again.
again = retry(
    retry=retry_if_exception_type(ServerUnreachable),
    stop=stop_after_attempt(4),
    wait=wait_exponential(0.5),
    reraise=True,
)


@asynccontextmanager
async def open_client(uri: str) -> AsyncIterator[MlflowClient]:
    """Open a client of the server at `uri`. Raises InvalidParameter unless it is an http(s) URL."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise InvalidParameter(
            f"{uri!r} is not the URL of an MLflow server; give its http:// or https:// address. "
            "For a registry in a database or folder, start 'mlflow server' on it first."
        )
    if "@" in parts.netloc:
        raise InvalidParameter(
            "The address of the MLflow server contains credentials; set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, instead."
        )
    async with aiohttp.ClientSession(
        timeout=_TIMEOUT, headers=_credentials(), read_bufsize=_READ_BYTES
    ) as session:
        yield MlflowClient(session, uri.rstrip("/"))


def _credentials() -> dict[str, str]:
    username = os.environ.get("MLFLOW_TRACKING_USERNAME")
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD")
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    if username and password:
        pair = base64.b64encode(f"{username}:{password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {"Authorization": f"Bearer {token}"} if token else {}


class MlflowClient:
    """Client of one MLflow server; `uri` is its address, without a trailing slash.

    All calls raise ServerUnreachable, Unauthenticated, PermissionDenied or NotASharingServer.
    """

    def __init__(self, session: aiohttp.ClientSession, uri: str) -> None:
        self._session = session
        self.uri = uri

    async def model(self, name: str) -> RegisteredModel:
        """Get a registered model with its aliases. Raises NotFound."""
        path = f"{_API}/registered-models/get"
        return (await self._json(path, RegisteredModelAnswer, {"name": name})).registered_model

    async def models(self) -> list[RegisteredModel]:
        """All registered models."""
        found: list[RegisteredModel] = []
        token = ""
        while True:
            path = f"{_API}/registered-models/search"
            page = await self._json(path, RegisteredModelsPage, {"page_token": token})
            found += page.registered_models
            token = page.next_page_token
            if not token:
                return found

    async def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a model, oldest first."""
        quoted = f'"{name}"' if "'" in name else f"'{name}'"
        if "'" in name and '"' in name:
            raise UnsupportedOperation(
                f"MLflow cannot search for {name!r}, which contains both kinds of quotes."
            )
        found: list[ModelVersion] = []
        token = ""
        while True:
            path = f"{_API}/model-versions/search"
            page = await self._json(
                path, ModelVersionsPage, {"filter": f"name={quoted}", "page_token": token}
            )
            found += page.model_versions
            token = page.next_page_token
            if not token:
                return sorted(found, key=lambda version: parse_version(version.version))

    async def files_uri(self, version: ModelVersion) -> str:
        """Location of a version's files: `mlflow-artifacts:/…`, `s3://…`, a folder, or something else."""
        path = f"{_API}/model-versions/get-download-uri"
        found = await self._json(path, DownloadUri, {"name": version.name, "version": version.version})
        uri = found.artifact_uri or version.source
        if uri.startswith(LOGGED_MODEL):
            uri = (await self.logged_model(uri.removeprefix("models:/"))).artifact_uri
        return uri

    async def logged_model(self, model_id: str) -> LoggedModelInfo:
        """Get a model that MLflow 3 logged. Raises NotFound."""
        path = f"{_API}/logged-models/{quote(model_id, safe='')}"
        return (await self._json(path, LoggedModelAnswer, {})).model.info

    async def run(self, run_id: str) -> Run:
        """Get a run. Raises NotFound."""
        return (await self._json(f"{_API}/runs/get", RunAnswer, {"run_id": run_id})).run

    def proxied(self, uri: str) -> str | None:
        """Path of a URI at the artifact proxy; None for one that the server does not serve.

        Raises UnsafePath.
        """
        parts = urlsplit(uri)
        proxy = f"{self.uri}{_ARTIFACTS}/"
        if parts.scheme == "mlflow-artifacts" and parts.netloc in ("", urlsplit(self.uri).netloc):
            path = uri.removeprefix("mlflow-artifacts:").removeprefix(f"//{parts.netloc}")
        elif uri.startswith(proxy):
            path = uri.removeprefix(proxy)
        else:
            return None
        return check_relative_path(path.strip("/"))

    async def folder(self, path: str) -> list[ArtifactEntry]:
        """Entries of a folder at the artifact proxy; none if it does not exist."""
        return (await self._json(_ARTIFACTS, ArtifactListing, {"path": path})).files

    @asynccontextmanager
    async def file(self, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Bytes of a file at the artifact proxy. Raises NotFound, or ServerUnreachable if it breaks off."""
        async with self._get(f"{_ARTIFACTS}/{quote(path)}", {}) as response:
            yield self._body(response)

    async def _body(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        with self._reaching():  # here as well: whoever takes the bytes has errors of its own
            async for chunk in response.content.iter_any():
                yield chunk

    async def _json(self, path: str, kind: type[T], query: Mapping[str, str]) -> T:
        content = await self._bytes(path, {key: value for key, value in query.items() if value})
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self._strange(f"its response to {path} is invalid") from error

    @again
    async def _bytes(self, path: str, query: Mapping[str, str]) -> bytes:
        async with self._get(path, query) as response:
            return await response.read()

    @asynccontextmanager
    async def _get(self, path: str, query: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        url = f"{self.uri}{path}"
        with self._reaching():
            way = request_options(url)
            async with self._session.get(url, params=query, allow_redirects=False, **way) as response:
                if response.status != 200:
                    raise await self._error(response)
                yield response

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise ServerUnreachable(f"The MLflow server {self.uri} cannot be reached: {reason}.") from error

    async def _error(self, response: aiohttp.ClientResponse) -> SharingError:
        status = response.status
        try:
            said = msgspec.json.decode(await response.read(), type=ErrorAnswer).message
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            said = ""
        says = f"The MLflow server {self.uri} answered HTTP {status}" + (f": {said}" if said else ".")
        if status == 401:
            return Unauthenticated(
                f"{says} Set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
            )
        if status == 403:
            return PermissionDenied(says)
        if status == 404 and said:
            return NotFound(says)
        if status in (429, 502, 503, 504):
            return ServerUnreachable(says)
        return self._strange(
            f"it answered HTTP {status} to {response.url.path}" + (f": {said}" if said else "")
        )

    def _strange(self, what: str) -> NotASharingServer:
        return NotASharingServer(f"{self.uri} does not behave like an MLflow server: {what}.")
