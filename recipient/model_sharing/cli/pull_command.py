"""`model-sharing pull`."""

from __future__ import annotations

import click

from model_sharing.api import blocking_pull
from model_sharing.catalogs.pulling import PulledVersion
from model_sharing.cli.completion import complete_places
from model_sharing.cli.options import transfer_options
from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import complain, human_size, print_json, say
from model_sharing_protocol.errors import InvalidParameter


@click.command(
    epilog=example("model-sharing pull vendor", "model-sharing pull 'vendor.fraud.*' --alias Champion")
)
@click.argument("where", metavar="CATALOG[.SCHEMA[.MODEL]]", shell_complete=complete_places)
@click.option("--alias", metavar="PATTERN", help="Only versions that matching aliases point at.")
@click.option("--all-aliases", is_flag=True, help="Versions that any alias points at; the default.")
@click.option("--all-versions", is_flag=True, help="Every version, whether an alias points at it or not.")
@transfer_options
@output_option
def pull(
    where: str,
    *,
    alias: str | None,
    all_aliases: bool,
    all_versions: bool,
    jobs: int | None,
    limit_rate: int | None,
    quiet: bool,
    output: str,
) -> None:
    """Fetch models into the cache ahead of use. SCHEMA and MODEL may be patterns: 'vendor.fraud.*'.

    A failure does not stop the others; the exit code is then that of the first one.
    """
    if (alias is not None) + all_aliases + all_versions > 1:
        raise InvalidParameter("Choose one of --alias, --all-aliases and --all-versions.")
    pulled = blocking_pull.pull(
        where,
        alias=alias,
        all_versions=all_versions,
        jobs=jobs,
        limit_rate=limit_rate,
        progress=False if quiet or output == "json" else None,
    )
    if output == "json":
        print_json(pulled)
    else:
        _report(pulled)
    if failures := [version.exit_code for version in pulled if version.error is not None]:
        raise click.exceptions.Exit(failures[0])


def _report(pulled: list[PulledVersion]) -> None:
    for version in pulled:
        if version.error is not None:
            complain(f"{_described(version)}: {version.error}")
        elif version.fetched:
            say(f"Fetched {_described(version)}: {human_size(version.fetched)} of {human_size(version.size)}")
        else:
            say(f"Had {_described(version)} already: {human_size(version.size)}")
    good = [version for version in pulled if version.error is None]
    fetched = human_size(sum(version.fetched for version in good))
    say(f"{len(good)} of {len(pulled)} versions are in the cache; {fetched} were fetched.")


def _described(version: PulledVersion) -> str:
    number = "" if version.version is None else f" version {version.version}"
    return f"{version.full_name}{number}" + (f" ({', '.join(version.aliases)})" if version.aliases else "")
