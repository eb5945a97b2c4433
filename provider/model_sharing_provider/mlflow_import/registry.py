"""Import of one registered model, or of all models of an MLflow server."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from model_sharing_protocol.errors import InvalidParameter, InvalidState, SharingError
from model_sharing_protocol.names import FullName, SchemaName, normalize_name
from model_sharing_protocol.progress import ProgressCallback
from model_sharing_provider.mlflow_import.client import MlflowClient
from model_sharing_provider.mlflow_import.importer import ModelImport
from model_sharing_provider.mlflow_import.messages import RegisteredModel
from model_sharing_provider.mlflow_import.report import ImportOutcome, Outcome
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices

_NOT_IN_NAMES = re.compile(r"[./\s]")


class RegistryImport:
    """Import from an MLflow server."""

    def __init__(
        self,
        provider: ProviderServices,
        context: Context,
        client: MlflowClient,
        watch: ProgressCallback,
    ) -> None:
        self._provider = provider
        self._context = context
        self._client = client
        self._watch = watch

    async def one(self, name: str, target: FullName) -> list[ImportOutcome]:
        """Import one model, to a name that may have versions from another origin. Raises NotFound."""
        await self._provider.catalogs.get_schema(self._context, target.schema_name)
        model = await self._client.model(name)
        return await self._import(model, target).run(only_its_own=False)

    async def all(self, schema: SchemaName) -> list[ImportOutcome]:
        """Import every model to a schema; of two models with the same name here, the first one is imported.

        Raises NotFound.
        """
        await self._provider.catalogs.get_schema(self._context, schema)
        lines: list[ImportOutcome] = []
        for model in await self._client.models():
            try:
                target = name_in(schema, model.name)
            except InvalidParameter as error:
                lines.append(ImportOutcome(source=model.name, outcome=Outcome.LEFT_OUT, reason=error.message))
                continue
            try:
                lines += await self._import(model, target).run(only_its_own=True)
            except SharingError as error:
                failed = ImportOutcome(
                    source=model.name, outcome=Outcome.FAILED, reason=error.message, error=error
                )
                lines.append(failed)
        return lines

    def _import(self, model: RegisteredModel, target: FullName) -> ModelImport:
        return ModelImport(
            self._provider,
            self._context,
            self._client,
            model,
            target,
            watch=self._watch,
        )


def name_in(schema: SchemaName, name: str) -> FullName:
    """Name of a model in a schema: in lower case, with `_` for forbidden characters.

    Raises InvalidParameter for a name that is still invalid.
    """
    composed = unicodedata.normalize("NFC", _NOT_IN_NAMES.sub("_", name))
    return FullName(schema.catalog, schema.schema, normalize_name("model", composed))


@contextmanager
def only_import(home: Path) -> Iterator[None]:
    """One import at a time in a provider's home. Raises InvalidState for a second one."""
    try:
        with FileLock(home / "import.lock", timeout=0):
            # Where an earlier release left the files of an import that was killed.
            shutil.rmtree(home / "import", ignore_errors=True)
            yield
    except Timeout as error:
        raise InvalidState("Another import is running in this home; wait until it ends.") from error
