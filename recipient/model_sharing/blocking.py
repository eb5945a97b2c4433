"""Functions for code that does not await: scripts, notebooks, the command line, MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model_sharing import activation, background, pulling
from model_sharing.background import close
from model_sharing.blocking_catalog import Catalog
from model_sharing.downloads.displays import ShowProgress, displaying
from model_sharing.downloads.tally import PullTally
from model_sharing.mounting import mount_share
from model_sharing.mounts import MountTable
from model_sharing.pulling import PulledVersion, Wanted
from model_sharing.settings import Settings
from model_sharing.values import DownloadedVersion
from model_sharing_protocol.names import FullName, ModelRef

__all__ = [
    "Catalog",
    "activate",
    "catalog",
    "catalog_of",
    "close",
    "download",
    "load_model",
    "mount",
    "pull",
    "unmount",
]


def activate(link: str, path: str | Path, *, force: bool = False) -> Path:
    """Turn an activation link, which works once, into a profile file; see `activation.activate`."""
    target = Path(path).expanduser()
    background.run(activation.activate(link, target, force=force))
    return target


def mount(
    profile: str | Path,
    *,
    share: str,
    name: str,
    trust_remote_code: bool = False,
    key_fingerprint: str | None = None,
    move: bool = False,
) -> Catalog:
    """Mount a share under a local name. The same mount again is no change; see `mount_share`.

    `move` changes where a mount's provider is, and insists on the key that is pinned.
    """
    settings = Settings.from_environment()
    work = mount_share(
        settings,
        Path(profile),
        share,
        name,
        trust_remote_code=trust_remote_code,
        key_fingerprint=key_fingerprint,
        move=move,
    )
    return Catalog(background.run(work), settings)


def unmount(name: str) -> None:
    """Forget a mount; NotFound if there is none of this name. What was downloaded stays in the cache."""
    MountTable(Settings.from_environment().mounts).remove(name)


def catalog(name: str) -> Catalog:
    """The catalog mounted under this name, or NotFound."""
    settings = Settings.from_environment()
    return Catalog(MountTable(settings.mounts).get(name), settings)


def catalog_of(ref: str) -> Catalog:
    """The catalog of a full reference such as `models:/vendor.ml_team.iris_model@Champion`."""
    return catalog(FullName.parse(ModelRef.parse(ref).name).catalog)


def load_model(uri: str, *, progress: ShowProgress = None, trust_remote_code: bool | None = None) -> Any:
    """The pyfunc model that `models:/catalog.schema.model/3` or `…@alias` names.

    Downloads and verifies what the cache lacks. Raises UntrustedCode if loading would run the provider's code
    and the catalog was not mounted with trust.

    `trust_remote_code` decides for this call alone, whatever the mount says. False refuses all code.
    Warning: True lets the model's files do on this machine whatever you may do, while they load and whenever
    the model is used. That they are signed says who made them, not that they are harmless.
    """
    return catalog_of(uri).load_model(uri, progress=progress, trust_remote_code=trust_remote_code)


def download(
    uri: str,
    destination: str | Path,
    *,
    progress: ShowProgress = None,
    trust_remote_code: bool | None = None,
) -> DownloadedVersion:
    """Copy a version's verified files to a new or empty folder.

    `trust_remote_code`, for this call alone: also files that tools may run unasked, such as `.envrc`.
    """
    return catalog_of(uri).download(uri, destination, progress=progress, trust_remote_code=trust_remote_code)


def pull(
    where: str,
    *,
    alias: str | None = None,
    all_versions: bool = False,
    jobs: int | None = None,
    limit_rate: int | None = None,
    progress: ShowProgress = None,
) -> list[PulledVersion]:
    """Fetch ahead of use what all aliases of `catalog[.schema[.model]]` point at.

    Schema, model and `alias` may be patterns; `limit_rate` is in bytes a second. What failed is told in the
    answer: see `pulling.pull`.
    """
    wanted = Wanted.parse(where, alias=alias, all_versions=all_versions)
    shared = catalog(wanted.catalog).transferring(jobs=jobs, limit_rate=limit_rate).shared
    with displaying(progress, several=True) as display:
        tally = PullTally()
        pulled = background.run(pulling.pull(shared, wanted, tally), tally.phases, display.callback)
        display.done(tally.progress)
    return pulled
