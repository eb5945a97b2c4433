"""Pulling of models into the cache ahead of use, for code that does not await."""

from __future__ import annotations

from model_sharing.api import background_loop
from model_sharing.api.progress_display import ShowProgress, open_display
from model_sharing.catalogs import pulling
from model_sharing.catalogs.pulling import PulledVersion, PullSelection
from model_sharing.downloads.progress_counter import PullProgressCounter
from model_sharing.mount_table import MountTable
from model_sharing.settings import Settings


def pull(
    where: str,
    *,
    alias: str | None = None,
    all_versions: bool = False,
    jobs: int | None = None,
    limit_rate: int | None = None,
    progress: ShowProgress = None,
) -> list[PulledVersion]:
    """Fetch models into the cache ahead of use: what all their aliases point at.

    One that fails does not keep the others back: its error is in what is returned.

    Args:
        where: `catalog`, `catalog.schema` or `catalog.schema.model`; schema and model may be patterns:
            `fraud_*`.
        alias: Only what such aliases point at; may be a pattern.
        all_versions: Every version, whether an alias points at it or not.
        jobs: Parallel connections; None for the setting.
        limit_rate: Bytes a second; None for the setting.
        progress: As for `load_model`; bytes and files are those of all versions together.

    Returns:
        What came of each version, with the bytes that were fetched and reused.

    Raises:
        NotFound: Nothing is mounted under that name, or no version is wanted.
        InvalidParameter: `where` names no models, or both `alias` and `all_versions` are given.
        ServerUnreachable: The models cannot be listed.

    Example:
        >>> [(pulled.full_name, pulled.version, pulled.error) for pulled in model_sharing.pull("vendor")]
        [('vendor.ml_team.iris_model', 1, None)]
    """
    wanted = PullSelection.parse(where, alias=alias, all_versions=all_versions)
    settings = Settings.from_environment().with_limits(jobs=jobs, limit_rate=limit_rate)
    mounted = MountTable(settings.mounts).get(wanted.catalog)
    with open_display(progress, several=True) as display:
        counter = PullProgressCounter()
        pulled = background_loop.run(
            lambda: pulling.pull(background_loop.shared_catalog(mounted, settings), wanted, counter),
            counter.phases,
            display.callback,
        )
        display.done(counter.progress)
    return pulled
