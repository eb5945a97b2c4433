"""Blocking catalog: a mounted share for code that does not await."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any

from model_sharing.api import background_loop
from model_sharing.api.blocking_events import blocking_events
from model_sharing.api.blocking_folders import CatalogFolders
from model_sharing.api.blocking_pages import blocking_pages
from model_sharing.api.progress_display import ShowProgress, open_display
from model_sharing.api.records import Records
from model_sharing.api.schema import Schema, completions, models_html, schema_of
from model_sharing.catalogs.events import CatalogEvent, EventFilter
from model_sharing.catalogs.shared_assets import SharedSkill, SharedTable, SharedVolume
from model_sharing.catalogs.shared_models import SharedModel, SharedVersion
from model_sharing.catalogs.watching import log_notice
from model_sharing.mount_table import Mount
from model_sharing.mounting.terms import Terms
from model_sharing_protocol.names import ModelRef


class Catalog(CatalogFolders):
    """Catalog of a mounted share's models, read-only; `model_sharing.catalog` gives it.

    Names are given as `schema.model` or with the catalog's name in front, in any case. It iterates over the
    names of its schemas, is indexed by them, completes them by Tab, and shows its models as a table in a
    notebook.

    Every call asks the provider; what is in the cache can still be loaded when the provider cannot be
    reached, but not when it says no. It may be used by several threads at once, where an event loop runs,
    and after a fork.

    Every call may raise ServerUnreachable, NotASharingServer, TokenExpired, Unauthenticated and, once
    access was revoked, NotFound.

    Example:
        >>> catalog = model_sharing.catalog("vendor")
        >>> list(catalog)
        ['ml_team']
        >>> catalog["ml_team"]["iris_model"].latest_version
        1
    """

    def __repr__(self) -> str:
        return f"Catalog({self.name!r}, share={self._mount.share!r}, endpoint={self._mount.endpoint!r})"

    def __iter__(self) -> Iterator[str]:
        return iter(self.list_schemas())

    def __contains__(self, schema: object) -> bool:
        return isinstance(schema, str) and schema.lower() in self.list_schemas()

    def __getitem__(self, schema: str) -> Schema:
        return schema_of(self, schema)

    def _ipython_key_completions_(self) -> list[str]:
        return completions(self)

    def _repr_html_(self) -> str:
        return models_html(self.list_models)

    @property
    def name(self) -> str:
        """Name that the share is mounted under."""
        return self._mount.name

    @property
    def mount(self) -> Mount:
        """Mount record: where the share comes from, and what is trusted about it."""
        return self._mount

    def with_limits(self, *, jobs: int | None = None, limit_rate: int | None = None) -> Catalog:
        """Change the limits of its downloads.

        Args:
            jobs: Parallel connections; None leaves them as they are.
            limit_rate: Bytes a second; None leaves them as they are.

        Returns:
            A catalog of the same mount.

        Raises:
            InvalidParameter: `jobs` is not from 1 to 64, or `limit_rate` is less than 1.

        Example:
            >>> catalog.with_limits(jobs=2, limit_rate=20 * 2**20).name
            'vendor'
        """
        settings = self._settings.with_limits(jobs=jobs, limit_rate=limit_rate)
        return self if settings == self._settings else Catalog(self._mount, settings)

    def list_schemas(self) -> list[str]:
        """List the schemas of the share.

        Returns:
            Their names within the share, sorted.

        Raises:
            ServerUnreachable: The provider does not answer.

        Example:
            >>> catalog.list_schemas()
            ['ml_team']
        """
        return background_loop.run(lambda: self._shared.list_schemas())  # noqa: PLW0108  # `_shared` is asked for by then

    def list_models(self, schema: str | None = None) -> Records[SharedModel]:
        """List the models of the share, or of one schema.

        Args:
            schema: The schema's name within the share; None for all.

        Returns:
            The models in the order of their names; `to_frame()` makes a data frame of them. What has a
            value that cannot be is left out, with a InvalidItemWarning.

        Raises:
            NotFound: The share has no such schema.
            ServerUnreachable: The provider does not answer.

        Example:
            >>> [(model.full_name, dict(model.aliases)) for model in catalog.list_models()]
            [('vendor.ml_team.iris_model', {'Champion': 1})]
        """
        return Records(background_loop.run(lambda: self._shared.list_models(schema)), SharedModel)

    def iter_models(self, schema: str | None = None) -> Iterator[SharedModel]:
        """Iterate over the models of the share, or of one schema, as their pages arrive.

        A share of many thousands shows its first models at once, and is never in memory as a whole.

        Args:
            schema: The schema's name within the share; None for all.

        Returns:
            The models as the provider orders them. What has a value that cannot be is left out, with an
            InvalidItemWarning at the end.

        Raises:
            NotFound: The share has no such schema.
            ServerUnreachable: The provider does not answer.

        Example:
            >>> next(catalog.iter_models()).full_name
            'vendor.ml_team.iris_model'
        """
        for page in blocking_pages(lambda: self._shared.model_pages(schema)):
            yield from page

    def list_tables(self, schema: str | None = None) -> Records[SharedTable]:
        """List the tables that the share shows beside its models; any Delta Sharing client reads them.

        Args:
            schema: The schema's name within the share; None for all.

        Returns:
            The tables in the order of their names. `information_schema`, which every share has, is left out.

        Raises:
            ServerUnreachable: The provider does not answer.

        Example:
            >>> [(table.full_name, table.address) for table in catalog.list_tables()]
            []
        """
        tables = background_loop.run(lambda: self._shared.assets.tables(schema))
        return Records(tables, SharedTable)

    def list_volumes(self, schema: str | None = None) -> Records[SharedVolume]:
        """List the volumes that the share shows beside its models: folders of files.

        Args:
            schema: The schema's name within the share; None for all.

        Returns:
            The volumes in the order of their names.

        Raises:
            ServerUnreachable: The provider does not answer.

        Example:
            >>> [volume.full_name for volume in catalog.list_volumes()]
            ['vendor.evaluation.prompts']
        """
        volumes = background_loop.run(lambda: self._shared.assets.volumes(schema))
        return Records(volumes, SharedVolume)

    def list_skills(self, schema: str | None = None) -> Records[SharedSkill]:
        """List the agent skills that the share shows beside its models: folders of instructions for agents.

        Args:
            schema: The schema's name within the share; None for all.

        Returns:
            The skills in the order of their names. What they say is the provider's word, and not signed.

        Raises:
            ServerUnreachable: The provider does not answer.

        Example:
            >>> [(skill.full_name, skill.description) for skill in catalog.list_skills()]
            [('vendor.agents.read-pdf', 'Reads PDF files.')]
        """
        skills = background_loop.run(lambda: self._shared.assets.skills(schema))
        return Records(skills, SharedSkill)

    def get_model(self, model: str) -> SharedModel:
        """Look up one model.

        Args:
            model: `schema.model` or `catalog.schema.model`.

        Returns:
            Its aliases, latest version, tags and comment.

        Raises:
            NotFound: There is no such model, or it is not shared.
            InvalidParameter: That is no name of a model of this catalog.

        Example:
            >>> catalog.get_model("ml_team.iris_model").latest_version
            1
        """
        return background_loop.run(lambda: self._shared.get_model(model))

    def list_versions(self, model: str) -> Records[SharedVersion]:
        """List all versions of a model.

        Args:
            model: `schema.model` or `catalog.schema.model`.

        Returns:
            The versions, oldest first; `to_frame()` makes a data frame of them.

        Raises:
            NotFound: There is no such model, or it is not shared.
            InvalidParameter: That is no name of a model of this catalog.

        Example:
            >>> [version.uri for version in catalog.list_versions("ml_team.iris_model")]
            ['models:/vendor.ml_team.iris_model/1']
        """
        return Records(background_loop.run(lambda: self._shared.list_versions(model)), SharedVersion)

    def list_terms(self) -> Records[Terms]:
        """List the terms that the share and its models have.

        Returns:
            The terms in force, those of the whole share first, each with its text, and when it was accepted;
            none if the provider knows of none.

        Raises:
            NotASharingServer: A text is not the one that its digest names.
            ServerUnreachable: The provider does not answer.

        Example:
            >>> [terms.version for terms in catalog.list_terms() if not terms.accepted]
            []
        """
        return Records(background_loop.run(lambda: self._shared.list_terms()), Terms)  # noqa: PLW0108  # as above

    def accept_terms(self, *digests: str, accepted_by: str | None = None) -> Records[Terms]:
        """Accept terms by their digests, so that models that have them can be loaded.

        Args:
            digests: Those of terms that `list_terms` lists.
            accepted_by: Who accepts them, for the provider's record; None: your user name on this machine.

        Returns:
            The terms, accepted.

        Raises:
            NotFound: Terms of such a digest do not apply here; they may have changed.
            InvalidParameter: That is no digest, or no name.

        Example:
            >>> catalog.accept_terms(*(terms.digest for terms in catalog.list_terms()))
            []
        """
        return Records(background_loop.run(lambda: self._shared.accept_terms(digests, accepted_by)), Terms)

    def resolve(self, ref: str | ModelRef) -> SharedVersion:
        """Ask which version a reference names at this moment.

        Args:
            ref: `schema.model@alias` or `schema.model/3`, also with `models:/` and the catalog in front.

        Returns:
            The version, with its size in bytes, its status and its MLflow signature.

        Raises:
            NotFound: There is no such model, version or alias, or it is not shared.
            InvalidParameter: That is no such reference.
            UntrustedSignature: The answer is not signed by the key that was pinned.
            StaleAnswer: The answer is older than one that was seen before.

        Example:
            >>> catalog.resolve("ml_team.iris_model@Champion").version
            1
        """
        return background_loop.run(lambda: self._shared.resolve(ref))

    def watch(
        self,
        *,
        model: str | None = None,
        alias: str | None = None,
        kinds: Collection[str] = (),
        seconds: float | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> Iterator[CatalogEvent]:
        """Watch what changes in the share from now on: iterate, and each event comes as it happens.

        An alias is told with the version that the provider signs for it at that moment, so of moves in quick
        succession only the last may be told. While the provider is away, it is asked again until it answers;
        what changed meanwhile is told then.

        Args:
            model: Only such models: a pattern for `model`, `schema.model` or the full name.
            alias: Only events of such aliases; may be a pattern.
            kinds: Only events of these kinds, such as `ALIAS_SET`.
            seconds: End after so many seconds; None: never.
            notify: Called with lines for people, about gaps and a provider that does not answer; None logs
                them.

        Returns:
            The events. Let go of it to stop.

        Raises:
            InvalidParameter: There is no such kind.
            NotFound: The share is no longer granted.
            UntrustedSignature: What was told is not signed by the key that was pinned.

        Example:
            >>> for event in catalog.watch(alias="Champion", seconds=0.1):
            ...     print(event.uri, event.version)
        """
        wanted = EventFilter.of(model, alias, kinds)
        return blocking_events(lambda: self._shared.watcher(notify or log_notice), wanted, seconds)

    def load_model(
        self,
        ref: str | ModelRef,
        *,
        progress: ShowProgress = None,
        trust_remote_code: bool | None = None,
    ) -> Any:
        """Load a version in the calling thread: an MLflow model as pyfunc, a Hugging Face folder as pipeline.

        Args:
            ref: `schema.model@alias` or `schema.model/3`.
            progress: As for `snapshot`.
            trust_remote_code: See `model_sharing.load_model`.

        Returns:
            The `mlflow.pyfunc.PyFuncModel`, or the `transformers.Pipeline`.

        Raises:
            UntrustedCode: Loading would run the provider's code, and it is not trusted.
            InvalidModel: Other programs read its format: use `path`.
            MissingDependency: MLflow, transformers, or a package that the model needs, is not installed.
            SharingError: Whatever else `snapshot` raises.

        Example:
            >>> catalog.load_model("ml_team.iris_model@Champion").predict(rows)  # doctest: +SKIP
        """
        with open_display(progress) as display:
            snapshot = self._snapshot_to_load(ref, display)
            display.show(replace(snapshot.progress, phase="loading"))
            model = self._shared.load(snapshot, trust_remote_code=trust_remote_code)
            display.done(snapshot.progress)
        return model
