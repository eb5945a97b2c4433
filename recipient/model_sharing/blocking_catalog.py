"""A mounted share for code that does not await."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from model_sharing import background
from model_sharing.downloads.displays import Display, ShowProgress, displaying
from model_sharing.downloads.tally import Tally
from model_sharing.mounts import Mount
from model_sharing.settings import Settings
from model_sharing.shared_catalog import SharedCatalog, Snapshot
from model_sharing.values import DownloadedVersion, SharedModel, SharedVersion
from model_sharing_protocol.names import ModelRef


class Catalog:
    """A mounted share as a read-only catalog of models; see `model_sharing.catalog`.

    Names are given as `schema.model` or with the catalog's name in front, in any case.
    """

    def __init__(self, mount: Mount, settings: Settings) -> None:
        self._mount = mount
        self._settings = settings

    def __repr__(self) -> str:
        return f"Catalog({self.name!r}, share={self._mount.share!r}, endpoint={self._mount.endpoint!r})"

    @property
    def name(self) -> str:
        return self._mount.name

    @property
    def mount(self) -> Mount:
        return self._mount

    @property
    def shared(self) -> SharedCatalog:
        """The same catalog for code that awaits; its calls belong to the background loop."""
        return background.shared_catalog(self._mount, self._settings)

    def transferring(self, *, jobs: int | None = None, limit_rate: int | None = None) -> Catalog:
        """The same catalog with other parallel connections, or bytes a second (None: as they are)."""
        settings = replace(
            self._settings,
            jobs=self._settings.jobs if jobs is None else jobs,
            limit_rate=self._settings.limit_rate if limit_rate is None else limit_rate,
        )
        return self if settings == self._settings else Catalog(self._mount, settings)

    def list_schemas(self) -> list[str]:
        return background.run(self.shared.list_schemas())

    def list_models(self, schema: str | None = None) -> list[SharedModel]:
        return background.run(self.shared.list_models(schema))

    def get_model(self, model: str) -> SharedModel:
        return background.run(self.shared.get_model(model))

    def list_versions(self, model: str) -> list[SharedVersion]:
        return background.run(self.shared.list_versions(model))

    def resolve(self, ref: str | ModelRef) -> SharedVersion:
        return background.run(self.shared.resolve(ref))

    def snapshot(
        self, ref: str | ModelRef, *, progress: ShowProgress = None, verify: bool = False
    ) -> Snapshot:
        with displaying(progress) as display:
            snapshot = self._snapshot(ref, display, verify=verify)
            display.done(snapshot.progress)
        return snapshot

    def download(
        self,
        ref: str | ModelRef,
        destination: str | Path,
        *,
        progress: ShowProgress = None,
        verify: bool = False,
        trust_remote_code: bool | None = None,
    ) -> DownloadedVersion:
        def work(tally: Tally) -> Coroutine[Any, Any, DownloadedVersion]:
            return self.shared.download(
                ref, Path(destination), tally=tally, verify=verify, trust_remote_code=trust_remote_code
            )

        with displaying(progress) as display:
            tally = Tally(display.observer)
            version = background.run(work(tally), tally.phases, display.callback)
            display.done(replace(tally.progress, reused=version.reused))
        return version

    def verify(self, ref: str | ModelRef, folder: str | Path, signature: str | Path | None = None) -> int:
        return self.shared.verify(ref, Path(folder), Path(signature) if signature else None)

    def load_model(
        self,
        ref: str | ModelRef,
        *,
        progress: ShowProgress = None,
        trust_remote_code: bool | None = None,
    ) -> Any:
        """The model, loaded in the calling thread. `trust_remote_code`: see `model_sharing.load_model`."""
        with displaying(progress) as display:
            snapshot = self._snapshot(ref, display)
            display.tell(replace(snapshot.progress, phase="loading"))
            model = self.shared.load(snapshot, trust_remote_code=trust_remote_code)
            display.done(snapshot.progress)
        return model

    def _snapshot(self, ref: str | ModelRef, display: Display, *, verify: bool = False) -> Snapshot:
        tally = Tally(display.observer)
        work = self.shared.snapshot(ref, tally=tally, verify=verify)
        return background.run(work, tally.phases, display.callback)
