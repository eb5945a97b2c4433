"""Schemas of a mounted share, to browse by name: `catalog["ml_team"]["iris_model"]`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from model_sharing.api.records import MAX_ROWS_SHOWN, Records, table_html
from model_sharing.catalogs.shared_models import SharedModel
from model_sharing_protocol.errors import NotFound, SharingError


class ModelSource(Protocol):
    """Source of schemas and models to browse, such as `Catalog`."""

    @property
    def name(self) -> str:
        """Name that the share is mounted under."""

    def list_schemas(self) -> list[str]:
        """List the schemas of the share."""

    def list_models(self, schema: str | None = None) -> Records[SharedModel]:
        """List the models of the share, or of one schema."""

    def get_model(self, model: str) -> SharedModel:
        """Look up one model."""


class Schema:
    """Schema of a mounted share; it iterates over the names of its models.

    What it shows is asked of the provider each time.

    Example:
        >>> schema = catalog["ml_team"]
        >>> list(schema)
        ['iris_model']
        >>> schema["iris_model"].full_name
        'vendor.ml_team.iris_model'
    """

    def __init__(self, catalog: ModelSource, name: str) -> None:
        self._catalog = catalog
        self._name = name

    def __repr__(self) -> str:
        return f"Schema({self.full_name!r})"

    @property
    def name(self) -> str:
        """Name within the share, such as `ml_team`."""
        return self._name

    @property
    def full_name(self) -> str:
        """Full name, with the catalog in front, such as `vendor.ml_team`."""
        return f"{self._catalog.name}.{self._name}"

    def list_models(self) -> Records[SharedModel]:
        """List the models of the schema.

        Returns:
            The models, in the order of their names.

        Raises:
            NotFound: The schema is not shared any more.
            ServerUnreachable: The provider does not answer.

        Example:
            >>> [model.full_name for model in catalog["ml_team"].list_models()]
            ['vendor.ml_team.iris_model']
        """
        return self._catalog.list_models(self._name)

    def __iter__(self) -> Iterator[str]:
        return iter([model.full_name.rpartition(".")[2] for model in self.list_models()])

    def __contains__(self, model: object) -> bool:
        return isinstance(model, str) and model.lower() in list(self)

    def __getitem__(self, model: str) -> SharedModel:
        return self._catalog.get_model(f"{self._name}.{model}")

    def _ipython_key_completions_(self) -> list[str]:
        return completions(self)

    def _repr_html_(self) -> str:
        return models_html(self.list_models)


def schema_of(catalog: ModelSource, name: str) -> Schema:
    """Schema of this name, in any case. Raises NotFound."""
    schemas = catalog.list_schemas()
    if name.lower() not in schemas:
        known = f"It has: {', '.join(schemas)}." if schemas else "It has none."
        raise NotFound(f"The catalog {catalog.name!r} has no schema {name!r}. {known}")
    return Schema(catalog, name.lower())


def completions(names: Iterable[str]) -> list[str]:
    """Tab completions; none, rather than an error while somebody types, if they cannot be asked for."""
    try:
        return list(names)
    except SharingError:
        return []


def models_html(list_models: Callable[[], Records[SharedModel]]) -> str:
    """HTML table of models for a notebook, or of the error if there is one."""
    try:
        models = list_models()
    except SharingError as error:
        return table_html(["error"], [[str(error)]])
    rows = [
        [
            model.full_name,
            "" if model.latest_version is None else str(model.latest_version),
            ", ".join(f"{alias} → {version}" for alias, version in sorted(model.aliases.items())),
            "" if model.updated_at is None else model.updated_at.isoformat(sep=" ", timespec="seconds"),
            model.comment or "",
        ]
        for model in models[:MAX_ROWS_SHOWN]
    ]
    titles = ["model", "latest version", "aliases", "updated", "comment"]
    return table_html(titles, rows, hidden=len(models) - len(rows))
