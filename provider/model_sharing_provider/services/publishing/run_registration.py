"""Registration of models from runs of the MLflow tracking server that is behind this one."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from model_sharing_protocol.errors import InvalidParameter, InvalidState
from model_sharing_protocol.names import FullName
from model_sharing_protocol.paths import check_relative_path
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.publishing.arriving_models import ArrivingModel
from model_sharing_provider.services.publishing.registration import Registration
from model_sharing_provider.services.registry.models import authorize_new_version, model_target


@dataclass(frozen=True, slots=True)
class RunModel:
    """Model of a run: its MLflow URI, its id if MLflow logged it with one, and its files as they arrive."""

    source: str
    logged_model_id: str
    files: ArrivingModel


class RunModels(Protocol):
    """Models of runs, at a tracking server."""

    def find(self, run_id: str, path: str) -> AbstractAsyncContextManager[RunModel]:
        """Find the model that a run logged at an artifact path, for a block. Raises NotFound."""


class RunRegistration:
    def __init__(self, registration: Registration, runs: RunModels | None) -> None:
        """`runs` is None without a tracking server."""
        self._registration = registration
        self._runs = runs

    async def register(
        self,
        context: Context,
        run_id: str,
        path: str,
        name: FullName,
        *,
        alias: str | None = None,
        comment: str = "",
    ) -> ModelVersion:
        """Register the model that a run logged at an artifact path, as the next version of `name`.

        Raises InvalidState without a tracking server, and what `RunModels.find` and
        `Registration.register_arriving` do.
        """
        if self._runs is None:
            raise InvalidState(
                "This server has no tracking server; an administrator sets "
                "MODEL_SHARING_PROVIDER_TRACKING_URI."
            )
        if not (run_id.isascii() and run_id.isalnum()):
            raise InvalidParameter(f"{run_id[:100]!r} is not the id of a run, which is letters and digits.")
        path = check_relative_path(path)
        # Before anything is fetched for somebody who may not register it.
        async with context.view(AuditAction.CHECK_MODEL_REGISTRATION, model_target(name)) as operation:
            await authorize_new_version(operation, name)
        async with self._runs.find(run_id, path) as found:
            origin = NewVersion(source=found.source, run_id=run_id, logged_model_id=found.logged_model_id)
            return await self._registration.register_arriving(
                context, found.files, name, alias=alias, comment=comment, origin=origin
            )
