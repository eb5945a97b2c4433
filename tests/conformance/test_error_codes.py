"""Errors as stock clients see them: the class that they raise, and whether they ask again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.errors import platform
from databricks.sdk.errors.base import DatabricksError
from mlflow.exceptions import RestException
from mlflow.store._unity_catalog.registry.rest_store import UcModelRegistryStore
from mlflow.utils import rest_utils

from model_sharing_protocol import errors
from model_sharing_protocol.errors import LocalError, SharingError
from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS

OF_THE_SDK: dict[type[SharingError], type[DatabricksError]] = {
    errors.InvalidParameter: platform.InvalidParameterValue,
    errors.MalformedRequest: platform.InvalidParameterValue,
    errors.Unauthenticated: platform.Unauthenticated,
    errors.TokenExpired: platform.Unauthenticated,
    errors.SignInRefused: platform.Unauthenticated,
    errors.PermissionDenied: platform.PermissionDenied,
    errors.NotFound: platform.ResourceDoesNotExist,
    errors.VersionNotFound: platform.ResourceDoesNotExist,
    errors.PathNotFound: platform.ResourceDoesNotExist,
    errors.AlreadyExists: platform.ResourceAlreadyExists,
    errors.InvalidState: platform.InvalidState,
    errors.ActivationLinkUsed: platform.ResourceDoesNotExist,
    errors.FeedTokenExpired: platform.ResourceDoesNotExist,
    errors.VersionRecalled: platform.PermissionDenied,
    errors.TermsNotAccepted: platform.PermissionDenied,
    errors.ReadOnlyCatalog: platform.PermissionDenied,
    errors.UpstreamUnavailable: platform.InvalidState,
    errors.ResourceExhausted: platform.BadRequest,
    errors.UnsupportedOperation: platform.BadRequest,
    errors.ReadOnlyReplica: platform.BadRequest,
    errors.MethodNotAllowed: platform.BadRequest,
    errors.UnsupportedEncoding: DatabricksError,
    errors.InvalidModel: platform.InvalidParameterValue,
    errors.UnsafePath: platform.InvalidParameterValue,
    errors.CorruptArtifact: platform.InvalidState,
    errors.DiskFull: platform.InvalidState,
    errors.InternalError: platform.InternalError,
    # Asked again until the client's time is over.
    errors.TooManyRequests: DatabricksError,
    errors.MetastoreUnavailable: DatabricksError,
    errors.StaleReplica: DatabricksError,
    errors.ArtifactStoreUnavailable: DatabricksError,
    errors.IssuerUnavailable: DatabricksError,
}
PASSES = {
    errors.TooManyRequests,
    errors.MetastoreUnavailable,
    errors.StaleReplica,
    errors.ArtifactStoreUnavailable,
    errors.IssuerUnavailable,
    # The SDK gives up; MLflow hopes for better.
    errors.InternalError,
}
"""Those that are gone by themselves, if they are: only after these is it right to ask again."""


@dataclass
class Answering:
    """A server that answers everything with one error, and counts."""

    error: SharingError
    asked: list[str] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        if request.path.startswith("/api/"):
            self.asked.append(request.path)
        answer = UNITY_CATALOG_ERRORS.response(self.error)
        if answer.status in (429, 503):
            answer.headers["Retry-After"] = "1"
        return answer


@pytest.fixture(params=OF_THE_SDK, ids=lambda kind: kind.__name__)
async def answering(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Answering]:
    answers = Answering(request.param("what was wrong"))
    server = RawTestServer(answers.handle)
    await server.start_server()
    monkeypatch.setenv("DATABRICKS_HOST", str(server.make_url("/")).rstrip("/"))
    monkeypatch.setenv("DATABRICKS_TOKEN", "of nobody")
    yield answers
    await server.close()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Clients that do not wait before they ask again, but say for how long they would have."""
    waits: list[float] = []
    monkeypatch.setattr("databricks.sdk.clock.RealClock.sleep", lambda _, seconds: waits.append(seconds))
    monkeypatch.setattr(rest_utils, "_time_sleep", waits.append)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    yield waits
    rest_utils.get_workspace_client.cache_clear()


def test_every_error_that_is_sent_is_in_the_table() -> None:
    kinds, found = [SharingError], set()
    while kinds:
        kind = kinds.pop()
        found.update(kind.__subclasses__())
        kinds += kind.__subclasses__()
    ours = {kind for kind in found if kind.__module__ == errors.__name__}
    assert {kind for kind in ours if not issubclass(kind, LocalError)} == set(OF_THE_SDK)


async def test_the_sdk_raises_its_own_class_and_asks_once(answering: Answering, hasty: list[float]) -> None:
    kind = type(answering.error)
    client = await asyncio.to_thread(lambda: WorkspaceClient(config=Config(retry_timeout_seconds=1)))
    answering.asked.clear()
    with pytest.raises((DatabricksError, TimeoutError)) as raised:
        await asyncio.to_thread(client.registered_models.get, "a.b.c")
    if kind.row.unity_catalog_status in (429, 503):
        assert len(answering.asked) > 1 and isinstance(raised.value, TimeoutError)
    else:
        assert (len(answering.asked), hasty) == (1, [])
        assert isinstance(raised.value, OF_THE_SDK[kind])


async def test_mlflow_says_what_was_wrong_and_asks_once(answering: Answering, hasty: list[float]) -> None:
    kind, row = type(answering.error), answering.error.row
    store = await asyncio.to_thread(UcModelRegistryStore, "databricks-uc", "databricks-uc")
    answering.asked.clear()
    if kind in PASSES or kind is errors.UnsupportedEncoding:
        # MLflow packs no body, and would take the 415 for a failure that passes.
        return
    with pytest.raises(RestException, match="what was wrong") as raised:
        await asyncio.to_thread(store.get_registered_model, "a.b.c")
    assert (len(answering.asked), hasty) == (1, [])
    if not issubclass(kind, errors.UnsupportedOperation):
        assert raised.value.error_code == row.unity_catalog_code
