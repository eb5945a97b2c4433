"""Registration of models from runs of the MLflow tracking server that is behind this one."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from model_sharing_protocol.errors import InvalidParameter, InvalidState
from model_sharing_protocol.names import FullName
from model_sharing_protocol.paths import check_relative_path
from model_sharing_protocol.progress import ProgressCallback
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.publishing.registration import Registration
from model_sharing_provider.services.registry.models import authorize_new_version, model_target


@dataclass(frozen=True, slots=True)
class RunModel:
    """Model of a run that was fetched: its MLflow URI, and its id if MLflow logged it with one."""

    source: str
    logged_model_id: str


class RunModels(Protocol):
    """Models of runs, at a tracking server."""

    async def fetch(self, run_id: str, path: str, folder: Path, progress: ProgressCallback) -> RunModel:
        """Fetch the model that a run logged at an artifact path into a folder. Raises NotFound."""


class RunRegistration:
    def __init__(self, registration: Registration, runs: RunModels | None, scratch: Path) -> None:
        """`runs` is None without a tracking server; files arrive in a folder below `scratch`."""
        self._registration = registration
        self._runs = runs
        self._scratch = scratch

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

        Raises InvalidState without a tracking server, what `RunModels.fetch` and `Registration.register` do.
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
        with tempfile.TemporaryDirectory(prefix="run-", dir=self._scratch) as folder:
            found = await self._runs.fetch(run_id, path, Path(folder), lambda _progress: None)
            origin = NewVersion(source=found.source, run_id=run_id, logged_model_id=found.logged_model_id)
            return await self._registration.register(
                context, Path(folder), name, alias=alias, comment=comment, origin=origin
            )
