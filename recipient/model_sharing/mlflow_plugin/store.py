"""MLflow model registry of mounted catalogs: everything can be read and nothing can be changed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from mlflow.entities.model_registry import (
    ModelVersion,
    ModelVersionTag,
    RegisteredModel,
    RegisteredModelAlias,
    RegisteredModelTag,
)
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, INVALID_STATE
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.utils.search_utils import SearchModelUtils, SearchModelVersionUtils, SearchUtils

from model_sharing.mlflow_plugin.errors import as_mlflow_errors
from model_sharing.mlflow_plugin.searches import Searches
from model_sharing.mlflow_plugin.uris import artifact_uri
from model_sharing_protocol.names import FullName, parse_version
from model_sharing_protocol.recalls import recalled_error
from model_sharing_protocol.times import epoch_ms

if TYPE_CHECKING:
    from model_sharing.api.blocking import Catalog
    from model_sharing.catalogs.shared_models import SharedModel, SharedVersion

_MAX_RESULTS = 10_000
_STAGE = "None"


class SharedModelStore(AbstractStore):  # type: ignore[misc]  # MLflow is not typed
    """Registry store behind `model-sharing://`: models are called `<mount>.<schema>.<model>`."""

    def __init__(self, store_uri: str | None = None, tracking_uri: str | None = None) -> None:
        super().__init__(store_uri, tracking_uri)
        self._model_searches = Searches()
        self._version_searches = Searches()

    def get_registered_model(self, name: str) -> RegisteredModel:
        """Get one model."""
        with as_mlflow_errors():
            catalog, full = _locate(name)
            return _registered_model(catalog.get_model(str(full)))

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int | None = None,
        order_by: list[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """Search the models of all mounts, as MLflow's own stores do."""

        def find() -> list[RegisteredModel]:
            models = [_registered_model(model) for catalog in _catalogs() for model in catalog.iter_models()]
            return list(SearchModelUtils.sort(SearchModelUtils.filter(models, filter_string), order_by))

        with as_mlflow_errors():
            found = self._model_searches.results(find, filter_string, order_by, page_token)
        return _page(found, page_token, max_results)

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int | None = None,
        order_by: list[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """Search versions of all models, or of those that a filter on the name names."""

        def find() -> list[ModelVersion]:
            versions = [
                _model_version(version)
                for catalog in _catalogs()
                for model in catalog.iter_models()
                if _may_match(model.full_name, filter_string)
                for version in catalog.list_versions(model.full_name)
            ]
            found = SearchModelVersionUtils.filter(versions, filter_string)
            ordered = SearchModelVersionUtils.sort(found, order_by or ["name ASC", "version_number DESC"])
            return list(ordered)

        with as_mlflow_errors():
            found = self._version_searches.results(find, filter_string, order_by, page_token)
        return _page(found, page_token, max_results)

    def get_latest_versions(self, name: str, stages: list[str] | None = None) -> list[ModelVersion]:
        """Get the newest version. Shared models have no stages; asking for one finds nothing."""
        with as_mlflow_errors():
            catalog, full = _locate(name)
            versions = catalog.list_versions(str(full))
        if any(stage.lower() != _STAGE.lower() for stage in stages or []):
            return []
        return [_model_version(version) for version in versions[-1:]]

    def get_model_version(self, name: str, version: str | int) -> ModelVersion:
        """Get one version by its number."""
        with as_mlflow_errors():
            catalog, full = _locate(name)
            return _model_version(catalog.resolve(f"{full}/{parse_version(str(version))}"))

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Get the version that an alias points at."""
        with as_mlflow_errors():
            catalog, full = _locate(name)
            return _model_version(catalog.resolve(f"{full}@{alias}"))

    def get_model_version_download_uri(self, name: str, version: str | int) -> str:
        """URI of a version's files in our artifact repository."""
        with as_mlflow_errors():
            return artifact_uri(FullName.parse(name), parse_version(str(version)))

    def supports_workspaces(self) -> bool:
        """False: mounts are the only name space."""
        return False


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(self: object, *args: object, **kwargs: object) -> NoReturn:
        raise MlflowException(
            f"{name} is not possible: models mounted from a share are read-only, and a share holds no "
            "prompts or webhooks. Set another registry URI for it.",
            error_code=INVALID_STATE,
        )

    refuse.__name__ = name
    return refuse


def _refuse_the_rest() -> None:
    """Refuse by name every method of MLflow's store that is not written above, also those added later."""
    for name, _ in inspect.getmembers(AbstractStore, inspect.isfunction):
        if not name.startswith("__") and name not in vars(SharedModelStore):
            setattr(SharedModelStore, name, _refusal(name))


_refuse_the_rest()


def _catalogs() -> list[Catalog]:
    from model_sharing.api import blocking  # noqa: PLC0415  # MLflow imports this module at its own import
    from model_sharing.mount_table import MountTable  # noqa: PLC0415
    from model_sharing.settings import Settings  # noqa: PLC0415

    return [blocking.catalog(mount.name) for mount in MountTable(Settings.from_environment().mounts).all()]


def _locate(name: str) -> tuple[Catalog, FullName]:
    from model_sharing.api import blocking  # noqa: PLC0415  # MLflow imports this module at its own import

    full = FullName.parse(name)
    return blocking.catalog(full.catalog), full


def _may_match(full_name: str, filter_string: str | None) -> bool:
    """False if the filter asks for models by exact name and this is not one (saves a request a model)."""
    names = [
        condition["value"]
        for condition in SearchModelVersionUtils.parse_search_filter(filter_string)
        if condition["key"] == "name" and condition["comparator"] == "="
    ]
    return all(name == full_name for name in names)


def _page(found: Sequence[Any], page_token: str | None, max_results: int | None) -> PagedList:
    size = _MAX_RESULTS if max_results is None else max_results
    if not isinstance(size, int) or not 1 <= size <= _MAX_RESULTS:
        raise MlflowException(
            f"max_results is {size!r}; it is a whole number from 1 to {_MAX_RESULTS}.",
            INVALID_PARAMETER_VALUE,
        )
    page, token = SearchUtils.paginate(found, page_token, size)
    return PagedList(page, token)


def _registered_model(model: SharedModel) -> RegisteredModel:
    return RegisteredModel(
        name=model.full_name,
        creation_timestamp=None,  # the protocol has no such field
        last_updated_timestamp=_epoch_ms(model.updated_at),
        description=model.comment,
        tags=[RegisteredModelTag(key, value) for key, value in model.tags.items()],
        aliases=[RegisteredModelAlias(alias, str(version)) for alias, version in model.aliases.items()],
        latest_versions=[],
    )


def _model_version(version: SharedVersion) -> ModelVersion:
    return ModelVersion(
        name=version.full_name,
        version=str(version.version),
        creation_timestamp=_epoch_ms(version.created_at),
        last_updated_timestamp=_epoch_ms(version.created_at),
        description=version.comment,
        current_stage=_STAGE,
        source=artifact_uri(FullName.parse(version.full_name), version.version),
        run_id=version.run_id,
        status=version.status,
        status_message=_status_message(version),
        tags=[ModelVersionTag(key, value) for key, value in version.tags.items()],
        aliases=list(version.aliases),
    )


def _status_message(version: SharedVersion) -> str | None:
    """Message about the status; MLflow has no other field for a recall."""
    if version.recalled is None:
        return None
    return recalled_error(version.full_name, version.version, version.recalled).message


def _epoch_ms(moment: datetime | None) -> int | None:
    return None if moment is None else epoch_ms(moment)
