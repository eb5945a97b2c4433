"""Flavors of versions: what a model can be loaded as, by MLflow's names, read from its MLmodel file."""

from __future__ import annotations

from model_sharing_protocol.names import FullName
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.mirroring.pull_through import PullThrough
from model_sharing_provider.services.publishing.mlmodel import GENERIC_FLAVOR, MLMODEL, parse_mlmodel
from model_sharing_provider.services.registry.versions import find_version, version_target


class Flavors:
    def __init__(self, artifacts: ArtifactStore, pulls: PullThrough) -> None:
        self._artifacts = artifacts
        self._pulls = pulls

    async def of_version(self, context: Context, name: FullName, number: int) -> list[str]:
        """Flavors of a version, such as `sklearn`; the generic one only if there is no other.

        Raises NotFound (also for a version without files), InvalidModel, ArtifactStoreUnavailable.
        """
        async with context.view(AuditAction.GET_MODEL_VERSION, version_target(name, number)) as operation:
            await operation.authorize(rules.READ_MODEL)
            version = await find_version(operation, name, number)
            mirrored = await self._pulls.of(operation.rows, version, paths={MLMODEL})
        async with self._pulls.held(context, mirrored):
            content = await self._artifacts.get_bytes(f"{version.storage_path}/{MLMODEL}")
        flavors = parse_mlmodel(content).flavors
        return sorted(set(flavors) - {GENERIC_FLAVOR}) or list(flavors)
