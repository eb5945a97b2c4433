"""`model-sharing cache`: list, prune and verify the cache."""

from __future__ import annotations

from datetime import timedelta

import click

from model_sharing.api import blocking
from model_sharing.cache.maintenance.inventory import take_inventory
from model_sharing.cache.maintenance.pruning import PruningLimits, PruningResult, prune
from model_sharing.cache.maintenance.verifying import verify
from model_sharing.cache.store import Cache
from model_sharing.catalogs.cached_versions import CachedVersion, list_cached
from model_sharing.mount_table import MountTable
from model_sharing.settings import CACHE_MAX_SIZE_VARIABLE, Settings
from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import Duration, Size, output_option
from model_sharing_protocol.console.output import human_size, print_json, say
from model_sharing_protocol.console.results import fields_of, show_list
from model_sharing_protocol.errors import CorruptArtifact, SharingError


@click.group(epilog=example("model-sharing cache list"))
def cache() -> None:
    """The cache of downloaded files: list, prune and verify it."""


@cache.command(name="list", epilog=example("model-sharing cache list"))
@output_option
def list_cache(output: str) -> None:
    """List the versions in the cache, most recently used first.

    OWN_SIZE is the space that removing this version alone would free.
    """
    settings = Settings.from_environment()
    store = Cache(settings.cache)
    contents = take_inventory(store)
    versions = list_cached(store, contents, MountTable(settings.mounts).all())
    if output == "json":
        print_json({"path": str(store.root), "size": contents.size, "versions": versions})
        return
    show_list(
        [
            {
                **fields_of(version),
                "full_name": version.full_name or f"({version.digest[:19]}…)",
                "state": _state(version),
            }
            for version in versions
        ],
        ["full_name", "version", "aliases", "size", "own_size", "last_used", "state"],
        output,
        empty="The cache is empty.",
    )
    if versions:
        say(f"{human_size(contents.size)} in {store.root}, what is shared counted once")


@cache.command(
    name="prune", epilog=example("model-sharing cache prune --max-size 20GiB --older-than 30d --dry-run")
)
@click.option(
    "--max-size", type=Size(), help=f"Keep at most this much: 20GiB. Default: ${CACHE_MAX_SIZE_VARIABLE}."
)
@click.option("--older-than", type=Duration(), help="Remove what was not used for this long: 30d, 12h.")
@click.option("--recalled", is_flag=True, help="Remove the versions that their providers recalled.")
@click.option("--dry-run", is_flag=True, help="Only print what would be removed.")
@output_option
def prune_cache(
    *, max_size: int | None, older_than: timedelta | None, recalled: bool, dry_run: bool, output: str
) -> None:
    """Remove versions that were not used for a while or exceed a size, least recently used first.

    Files that a running process uses are never removed. Remains of crashes and of abandoned downloads always
    are.
    """
    settings = Settings.from_environment()
    store = Cache(settings.cache)
    versions = list_cached(store, take_inventory(store), MountTable(settings.mounts).all())
    names = _names(versions)
    limits = PruningLimits(
        settings.cache_max_size if max_size is None else max_size,
        None if older_than is None else older_than.total_seconds(),
        frozenset(version.digest for version in versions if recalled and version.recalled),
    )
    pruned = prune(store, limits, dry_run=dry_run)
    if output == "json":
        removed = [
            {"digest": entry.digest, "versions": names.get(entry.digest, [entry.digest])}
            for entry in pruned.removed
        ]
        sizes = {"freed": pruned.freed, "remaining": pruned.remaining, "in_use": pruned.in_use}
        print_json({"removed": removed, **sizes, "dry_run": dry_run})
        return
    _report(pruned, names, limits, dry_run=dry_run)


@cache.command(name="verify", epilog=example("model-sharing cache verify --repair"))
@click.option("--repair", is_flag=True, help="Fetch removed files again right away.")
@output_option
def verify_cache(*, repair: bool, output: str) -> None:
    """Hash every cached file; remove corrupt ones, which are fetched again when next used.

    Exits with code 10 if a file was corrupt and not repaired.
    """
    settings = Settings.from_environment()
    store = Cache(settings.cache)
    versions = list_cached(store, take_inventory(store), MountTable(settings.mounts).all())
    found = verify(store)
    hurt = {entry.digest for entry in found.damaged}
    damaged = [version for version in versions if version.digest in hurt]
    errors = [(version, _repair(version) if repair else None) for version in damaged]
    repaired = repair and not any(error for _, error in errors)
    if output == "json":
        print_json(
            {
                "files": found.files,
                "size": found.size,
                "corrupt": list(found.corrupt),
                "damaged": [{"version": _name(version), "error": error} for version, error in errors],
                "repaired": repaired,
            }
        )
    else:
        say(f"{found.files} files, {human_size(found.size)}: {len(found.corrupt)} corrupt and removed.")
        for version, error in errors:
            outcome = "will be fetched again when it is used" if not repair else error or "fetched again"
            say(f"{_name(version)}: {outcome}")
    if (found.corrupt or damaged) and not repaired:
        raise click.exceptions.Exit(CorruptArtifact.row.exit_code)


def _repair(version: CachedVersion) -> str | None:
    """Fetch a version again; return the error, if there is one."""
    if version.catalog is None:
        return "it belongs to no mounted share"
    if version.partial:
        return "some of its files were fetched; they are fetched again when they are used"
    try:
        catalog = blocking.catalog(version.catalog)
        catalog.snapshot(f"{version.full_name}/{version.version}")
    except SharingError as error:
        return error.message
    return None


def _report(
    pruned: PruningResult, names: dict[str, list[str]], limits: PruningLimits, *, dry_run: bool
) -> None:
    for entry in pruned.removed:
        say(
            f"{'Would remove' if dry_run else 'Removed'} {', '.join(names.get(entry.digest, [entry.digest]))}"
        )
    say(
        f"{'Would free' if dry_run else 'Freed'} {human_size(pruned.freed)}; "
        f"{human_size(pruned.remaining)} {'would remain' if dry_run else 'remain'}."
    )
    if pruned.in_use:
        say(f"{pruned.in_use} more would have to go, but running processes use them.")
    elif limits.max_size is not None and pruned.remaining > limits.max_size:
        say("What remains is being downloaded at this moment.")


def _names(versions: list[CachedVersion]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for version in versions:
        names.setdefault(version.digest, []).append(_name(version))
    return names


def _name(version: CachedVersion) -> str:
    return version.digest if version.full_name is None else f"{version.full_name} version {version.version}"


def _state(version: CachedVersion) -> str:
    said = (
        ("in use", bool(version.in_use)),
        ("partial", version.partial),
        ("incomplete", not version.complete and not version.partial),
        ("recalled", version.recalled is not None),
        ("not mounted", version.full_name is not None and version.catalog is None),
        ("no name", version.full_name is None),
    )
    return ", ".join(word for word, holds in said if holds)
