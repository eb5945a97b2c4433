"""Models of runs at the tracking server behind this one, found to be registered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from model_sharing_protocol.errors import UnsupportedOperation
from model_sharing_provider.services.publishing.run_registration import RunModel

if TYPE_CHECKING:
    from model_sharing_provider.mlflow_import.client import MlflowClient


class TrackingRuns:
    """Runs of the tracking server at `uri`."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    @asynccontextmanager
    async def find(self, run_id: str, path: str) -> AsyncIterator[RunModel]:
        """Find the model that a run logged at an artifact path; its files arrive within the block.

        Raises NotFound, InvalidModel, UnsafePath, UnsupportedOperation for artifacts that the tracking server
        does not serve itself, and the errors of `MlflowClient`.
        """
        # The client is slow to import, and few servers have a tracking server.
        from model_sharing_provider.mlflow_import.client import open_client  # noqa: PLC0415
        from model_sharing_provider.mlflow_import.files import find_model  # noqa: PLC0415

        async with open_client(self._uri) as client:
            uri, model_id = await _locate(client, run_id, path)
            root = client.proxied(uri)
            if root is None:
                raise UnsupportedOperation(
                    f"The files of the run {run_id!r} are at {uri!r}, which the tracking server does not "
                    "serve; register them with MLflow's client, or start it with --serve-artifacts."
                )
            yield RunModel(f"runs:/{run_id}/{path}", model_id, await find_model(client, root))


async def _locate(client: MlflowClient, run_id: str, path: str) -> tuple[str, str]:
    """URI of a run's model, and its id if MLflow 3 logged it: such a model is not below the run."""
    run = await client.run(run_id)
    for output in run.outputs.model_outputs:
        logged = await client.logged_model(output.model_id)
        if logged.name == path:
            return logged.artifact_uri, output.model_id
    return f"{run.info.artifact_uri.rstrip('/')}/{path}", ""
