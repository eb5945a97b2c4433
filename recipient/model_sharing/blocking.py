"""The same catalogs for code that does not await: scripts, notebooks, the command line, MLflow.

All calls run on one event loop in one background thread, so that they work where a loop runs already (a
notebook), from several threads at once, and keep connections alive between calls.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from model_sharing import activation, pulling, shares
from model_sharing.downloads.progress import Progress, PullProgress, pull_watcher, watcher
from model_sharing.mounting import mount_share
from model_sharing.mounts import Mount, MountTable
from model_sharing.profiles import Given, find_profile
from model_sharing.pulling import PulledVersion, Wanted
from model_sharing.settings import Settings
from model_sharing.shared_catalog import SharedCatalog, Snapshot
from model_sharing.values import SharedModel, SharedVersion
from model_sharing_protocol.names import FullName, ModelRef

T = TypeVar("T")


class _Background:
    """An event loop in a daemon thread, started at first use and stopped when the process ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._calls = 0
        self._catalogs: dict[tuple[Mount, Settings], SharedCatalog] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        with self._lock:
            self._calls += 1
            loop = self._running()
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C in the waiting thread ends the work too
            raise
        finally:
            with self._lock:
                self._calls -= 1

    def catalog(self, mount: Mount, settings: Settings) -> SharedCatalog:
        """One catalog, with its open connections, for each mount."""
        with self._lock:
            key = (mount, settings)
            if key not in self._catalogs:
                self._catalogs[key] = SharedCatalog(mount, settings)
            return self._catalogs[key]

    def close_if_idle(self) -> None:
        if not self._calls:
            self.close()

    def close(self) -> None:
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
            catalogs, self._catalogs = self._catalogs, {}
        if loop is None or thread is None:
            return
        for catalog in catalogs.values():
            asyncio.run_coroutine_threadsafe(catalog.close(), loop).result(timeout=2)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=2)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=_serve, args=(self._loop,), name="model-sharing", daemon=True
            )
            self._thread.start()
        return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


_background = _Background()


_inherited: list[_Background] = []


def _rest_before_fork() -> None:
    """A child must not inherit connections, nor the loop that watches them: both sides would use them."""
    _background.close_if_idle()


def _start_afresh_in_child() -> None:
    """If calls were under way, what was inherited is kept unused: tidying it up would disturb the parent."""
    global _background  # noqa: PLW0603
    _inherited.append(_background)
    _background = _Background()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_rest_before_fork, after_in_child=_start_afresh_in_child)


@atexit.register
def close() -> None:
    """Close all connections. What is called afterwards opens them again."""
    _background.close()


class Catalog:
    """A mounted share; see SharedCatalog for what each call does and raises."""

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
        return _background.catalog(self._mount, self._settings)

    def transferring(self, *, jobs: int | None = None, limit_rate: int | None = None) -> Catalog:
        """The same catalog with other parallel connections, or bytes a second (None: as they are)."""
        settings = replace(
            self._settings,
            jobs=self._settings.jobs if jobs is None else jobs,
            limit_rate=self._settings.limit_rate if limit_rate is None else limit_rate,
        )
        return self if settings == self._settings else Catalog(self._mount, settings)

    def list_schemas(self) -> list[str]:
        return _background.run(self.shared.list_schemas())

    def list_models(self, schema: str | None = None) -> list[SharedModel]:
        return _background.run(self.shared.list_models(schema))

    def get_model(self, model: str) -> SharedModel:
        return _background.run(self.shared.get_model(model))

    def list_versions(self, model: str) -> list[SharedVersion]:
        return _background.run(self.shared.list_versions(model))

    def resolve(self, ref: str | ModelRef) -> SharedVersion:
        return _background.run(self.shared.resolve(ref))

    def snapshot(
        self, ref: str | ModelRef, *, progress: Progress | None = None, verify: bool = False
    ) -> Snapshot:
        return _background.run(self.shared.snapshot(ref, progress=progress or watcher(), verify=verify))

    def download(
        self,
        ref: str | ModelRef,
        destination: str | Path,
        *,
        progress: Progress | None = None,
        verify: bool = False,
        trust_remote_code: bool | None = None,
    ) -> SharedVersion:
        work = self.shared.download(
            ref,
            Path(destination),
            progress=progress or watcher(),
            verify=verify,
            trust_remote_code=trust_remote_code,
        )
        return _background.run(work)

    def verify(self, ref: str | ModelRef, folder: str | Path, signature: str | Path | None = None) -> int:
        return self.shared.verify(ref, Path(folder), Path(signature) if signature else None)

    def load_model(self, ref: str | ModelRef, *, trust_remote_code: bool | None = None) -> Any:
        """The model, loaded in the calling thread. `trust_remote_code`: see `model_sharing.load_model`."""
        return self.shared.load(self.snapshot(ref), trust_remote_code=trust_remote_code)


def activate(link: str, path: str | Path, *, force: bool = False) -> Path:
    """Turn an activation link, which works once, into a profile file; see `activation.activate`."""
    target = Path(path).expanduser()
    _background.run(activation.activate(link, target, force=force))
    return target


def list_shares(profile: Given = None) -> list[str]:
    """The names of the shares that a profile gives access to, sorted.

    `profile` is the path of a profile file, or the JSON in it; None: what MODEL_SHARING_PROFILE says.
    """
    return _background.run(shares.list_shares(find_profile(profile)))


def mount(
    profile: Given = None,
    *,
    share: str | None = None,
    name: str | None = None,
    trust_remote_code: bool = False,
    key_fingerprint: str | None = None,
    move: bool = False,
) -> Catalog:
    """Mount a share under a local name: by default the only share there is, under its own name.

    `profile`: see `list_shares`. The same mount again is no change; see `mount_share`.
    `move` changes where a mount's provider is, and insists on the key that is pinned.
    """
    settings = Settings.from_environment()
    work = mount_share(
        settings,
        find_profile(profile),
        share,
        name,
        trust_remote_code=trust_remote_code,
        key_fingerprint=key_fingerprint,
        move=move,
    )
    return Catalog(_background.run(work), settings)


def unmount(name: str) -> None:
    """Forget a mount; NotFound if there is none of this name. What was downloaded stays in the cache."""
    settings = Settings.from_environment()
    MountTable(settings.mounts).remove(name, settings.profiles)


def catalog(name: str) -> Catalog:
    """The catalog mounted under this name, or NotFound."""
    settings = Settings.from_environment()
    return Catalog(MountTable(settings.mounts).get(name), settings)


def catalog_of(ref: str) -> Catalog:
    """The catalog of a full reference such as `models:/vendor.ml_team.iris_model@Champion`."""
    return catalog(FullName.parse(ModelRef.parse(ref).name).catalog)


def load_model(uri: str, *, trust_remote_code: bool | None = None) -> Any:
    """The pyfunc model that `models:/catalog.schema.model/3` or `…@alias` names.

    Downloads and verifies what the cache lacks. Raises UntrustedCode if loading would run the provider's code
    and the catalog was not mounted with trust.

    `trust_remote_code` decides for this call alone, whatever the mount says. False refuses all code.
    Warning: True lets the model's files do on this machine whatever you may do, while they load and whenever
    the model is used. That they are signed says who made them, not that they are harmless.
    """
    return catalog_of(uri).load_model(uri, trust_remote_code=trust_remote_code)


def download(uri: str, destination: str | Path, *, trust_remote_code: bool | None = None) -> SharedVersion:
    """Copy a version's verified files to a new or empty folder.

    `trust_remote_code`, for this call alone: also files that tools may run unasked, such as `.envrc`.
    """
    return catalog_of(uri).download(uri, destination, trust_remote_code=trust_remote_code)


def pull(
    where: str,
    *,
    alias: str | None = None,
    all_versions: bool = False,
    jobs: int | None = None,
    limit_rate: int | None = None,
    progress: PullProgress | None = None,
) -> list[PulledVersion]:
    """Fetch ahead of use what all aliases of `catalog[.schema[.model]]` point at.

    Schema, model and `alias` may be patterns; `limit_rate` is in bytes a second. What failed is told in the
    answer: see `pulling.pull`.
    """
    wanted = Wanted.parse(where, alias=alias, all_versions=all_versions)
    shared = catalog(wanted.catalog).transferring(jobs=jobs, limit_rate=limit_rate).shared
    return _background.run(pulling.pull(shared, wanted, progress or pull_watcher()))
