"""Import of one registered model from an MLflow server: versions in order, then their mutable fields.

An imported version has its page on the MLflow server as its source, `<uri>/#/models/<name>/versions/<n>`, by
which the next run recognizes it. Versions become visible one by one, each complete, so an import may be
interrupted at any time and run again. Descriptions, tags and aliases from the MLflow server are set here;
others in this registry stay. A description that is too long is shortened, which the report says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from model_sharing_protocol.errors import (
    InvalidModel,
    InvalidParameter,
    NotFound,
    ResourceExhausted,
    SharingError,
    UnsafePath,
    UnsupportedOperation,
)
from model_sharing_protocol.model_formats import ModelFormat
from model_sharing_protocol.names import FullName, parse_version
from model_sharing_protocol.pages import PageRequest
from model_sharing_protocol.progress import Progress, ProgressCallback
from model_sharing_provider.domain.limits import MAX_COMMENT, shortened, size_of
from model_sharing_provider.domain.securables import MAX_TAGS, ModelVersion
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.mlflow_import import messages
from model_sharing_provider.mlflow_import.client import LOGGED_MODEL, MlflowClient
from model_sharing_provider.mlflow_import.files import find_model
from model_sharing_provider.mlflow_import.report import ImportOutcome, Outcome
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.services.registry.tags import TagChange, check_tags
from model_sharing_provider.services.registry.updates import SecurableUpdate

SOURCE_TAG = "mlflow.source"
"""Tag of a version with its original source on the MLflow server."""

_FOR_GOOD = (InvalidModel, UnsafePath, UnsupportedOperation, InvalidParameter)
_LOCATIONS = ("file:///", "s3://", "gs://", "az://")


class ModelImport:
    """Import of `model` as `target`, whose schema must exist."""

    def __init__(
        self,
        provider: ProviderServices,
        context: Context,
        client: MlflowClient,
        model: messages.RegisteredModel,
        target: FullName,
        *,
        watch: ProgressCallback,
    ) -> None:
        self._provider = provider
        self._context = context
        self._client = client
        self._model = model
        self._target = target
        self._watch = watch
        self._lines: list[ImportOutcome] = []

    async def run(self, *, only_its_own: bool) -> list[ImportOutcome]:
        """Import the versions, and report on each. A failure stops the import, to preserve the order.

        With `only_its_own`, an existing model from another origin gets no versions. Raises the client's
        errors before the first version.
        """
        versions = await self._client.versions(self._model.name)
        present = await self._present()
        here = {version.source: version for version in present}
        if only_its_own and present and not any(self._page(version) in here for version in versions):
            self._note(
                Outcome.LEFT_OUT,
                f"The model '{self._target}' exists already, from another origin; "
                "import this one separately, with --as and another name.",
            )
            return self._lines
        numbers: dict[str, int] = {}
        for version in versions:
            found = here.get(self._page(version))
            outcome = Outcome.PRESENT if found else Outcome.BROUGHT
            try:
                found = found or await self._bring(version)
            except _FOR_GOOD as error:
                self._note(Outcome.LEFT_OUT, error.message, version)
                continue
            except SharingError as error:
                self._note(Outcome.FAILED, error.message, version, error=error)
                break
            numbers[version.version] = found.version
            self._note(outcome, "", version, number=found.version)
            await self._follow_version(version, found)
        if numbers:
            await self._follow_model(numbers)
        return self._lines

    async def _present(self) -> list[ModelVersion]:
        """All versions of the target."""
        found: list[ModelVersion] = []
        after = None
        try:
            while True:
                request = PageRequest(after=after)
                page = await self._provider.versions.page(self._context, self._target, request)
                found += page.items
                after = page.last_key
                if after is None:
                    return found
        except NotFound:
            return []

    async def _bring(self, version: messages.ModelVersion) -> ModelVersion:
        if version.status != "READY":
            raise UnsupportedOperation(f"Its status is {version.status}; only READY versions are imported.")
        uri = await self._client.files_uri(version)
        registration = self._provider.registration
        logged = version.source.startswith(LOGGED_MODEL)
        origin = NewVersion(
            number=parse_version(version.version),
            source=self._page(version),
            run_id=version.run_id,
            logged_model_id=version.source.removeprefix("models:/") if logged else "",
            tags=_storable(_tags(version)),
        )

        comment = shortened(version.description, MAX_COMMENT)

        def progress(now: Progress) -> None:
            self._watch(replace(now, phase=f"{self._model.name} {version.version}: {now.phase}"))

        path = self._client.proxied(uri)
        if path is None:
            return await registration.register_in_place(
                self._context,
                _location(uri),
                self._target,
                model_format=ModelFormat.MLFLOW,
                comment=comment,
                origin=origin,
                progress=progress,
            )
        return await registration.register_arriving(
            self._context,
            await find_model(self._client, path),
            self._target,
            model_format=ModelFormat.MLFLOW,
            comment=comment,
            origin=origin,
            progress=progress,
        )

    async def _follow_version(self, version: messages.ModelVersion, found: ModelVersion) -> None:
        versions, number = self._provider.versions, found.version
        description = self._described(version.description, found.comment, version)
        if description != found.comment:
            await versions.update(self._context, self._target, number, description)
        for change in _missing(_tags(version), found.tags):
            await self._try(versions.tag(self._context, self._target, number, change), version)

    async def _follow_model(self, numbers: Mapping[str, int]) -> None:
        models = self._provider.models
        found = await models.get(self._context, self._target)
        description = self._described(self._model.description, found.comment)
        if description != found.comment:
            await models.update(self._context, self._target, SecurableUpdate(comment=description))
        for change in _missing({tag.key: tag.value for tag in self._model.tags}, found.tags):
            await self._try(models.tag(self._context, self._target, change))
        here = {alias.lower(): number for alias, number in found.aliases.items()}
        for alias in self._model.aliases:
            number = numbers.get(alias.version)
            if number is None:
                reason = (
                    f"The alias {alias.alias!r} points at version {alias.version}, which was not imported."
                )
                self._note(Outcome.LEFT_OUT, reason)
            elif here.get(alias.alias.lower()) != number:
                await self._try(models.set_alias(self._context, self._target, alias.alias, number))

    def _described(self, description: str, here: str, version: messages.ModelVersion | None = None) -> str:
        """Description to store; a shortened one is reported."""
        kept = shortened(description, MAX_COMMENT)
        if description in ("", here) or kept == description:
            return description or here
        self._note(
            Outcome.LEFT_OUT,
            f"The end of the description: it has {size_of(description)} bytes, the limit is {MAX_COMMENT}.",
            version,
        )
        return kept

    async def _try(self, change: Awaitable[None], version: messages.ModelVersion | None = None) -> None:
        """Set a tag or alias; one that this registry does not allow is reported and left out."""
        try:
            await change
        except (InvalidParameter, ResourceExhausted) as error:
            self._note(Outcome.LEFT_OUT, error.message, version)

    def _page(self, version: messages.ModelVersion) -> str:
        """URL of the version's page on the MLflow server, its source here."""
        return f"{self._client.uri}/#/models/{quote(version.name, safe='')}/versions/{version.version}"

    def _note(
        self,
        outcome: Outcome,
        reason: str,
        version: messages.ModelVersion | None = None,
        *,
        number: int | None = None,
        error: SharingError | None = None,
    ) -> None:
        self._lines.append(
            ImportOutcome(
                source=self._model.name,
                source_version=version.version if version else "",
                full_name=str(self._target),
                version=number,
                outcome=outcome,
                reason=reason,
                error=error,
            )
        )


def _tags(version: messages.ModelVersion) -> dict[str, str]:
    return {**{tag.key: tag.value for tag in version.tags}, SOURCE_TAG: version.source}


def _storable(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags that a version can be created with; the others are reported later."""
    kept: dict[str, str] = {}
    for key, value in list(tags.items())[-MAX_TAGS:]:
        try:
            kept.update(check_tags({key: value}))
        except InvalidParameter:
            continue
    return kept


def _missing(wanted: Mapping[str, str], found: Mapping[str, str]) -> Sequence[TagChange]:
    """Change for each missing tag, so that an invalid one does not affect the others."""
    return [TagChange(add={key: value}) for key, value in wanted.items() if found.get(key) != value]


def _location(uri: str) -> str:
    """External location of an artifact URI. Raises UnsupportedOperation."""
    if uri.startswith("/"):
        return Path(uri).as_uri()
    if uri.startswith(_LOCATIONS):
        return uri
    raise UnsupportedOperation(
        f"Files at {uri} cannot be reached: the MLflow server does not serve them, and they are not in a "
        "folder or bucket that can be shared in place."
    )
