"""`model-sharing path`: verified files for other programs."""

from __future__ import annotations

import click

from model_sharing.api import blocking
from model_sharing.api.blocking_files import local_files
from model_sharing.catalogs.exporting import asked_path
from model_sharing.catalogs.file_patterns import FilePatterns
from model_sharing.cli.completion import complete_models
from model_sharing.cli.download_plans import show_plan
from model_sharing.cli.options import fetch_options
from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import print_json, say


@click.command(
    epilog=example(
        "model-sharing path models:/vendor.ml_team.iris_model@Champion",
        "model-sharing path models:/vendor.llm.tiny@Champion --file '*Q4_K_M.gguf'",
        "model-sharing path models:/vendor.llm.tiny@Champion --exclude '*.bin' --dry-run",
    )
)
@click.argument("uri", shell_complete=complete_models)
@fetch_options
@output_option
def path(
    uri: str,
    *,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    file: str | None,
    dry_run: bool,
    jobs: int | None,
    limit_rate: int | None,
    quiet: bool,
    verify: bool,
    trust_remote_code: bool,
    output: str,
) -> None:
    """Print the path of the version URI in the cache, verified, for another program; fetch what is missing.

    With --include or --exclude, nothing else is in that folder. With --file, it is the path of this file, of
    the first one of a model in shards. Nothing but the path is printed on standard output.
    """
    catalog = blocking.catalog_of(uri).with_limits(jobs=jobs, limit_rate=limit_rate)
    trust = trust_remote_code or None
    if dry_run:
        plan = catalog.plan_download(
            uri, include=include, exclude=exclude, file=file, verify=verify, trust_remote_code=trust
        )
        show_plan(plan, output)
        return
    patterns = FilePatterns.of(include, exclude, file)
    shown = False if quiet or output == "json" else None
    found = local_files(catalog, uri, patterns, progress=shown, verify=verify, trust_remote_code=trust)
    if output == "json":
        version = {"full_name": found.version.full_name, "version": found.version.version}
        sizes = {"size": found.size, "fetched": found.fetched, "reused": found.reused}
        print_json({"path": asked_path(found, patterns), **version, **sizes, "files": found.files})
    else:
        say(str(asked_path(found, patterns)))
