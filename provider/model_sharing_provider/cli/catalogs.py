"""`catalog` commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import announce, human_size, say
from model_sharing_protocol.console.results import fields_of, show_done, show_list, show_one
from model_sharing_protocol.errors import TermsNotAccepted
from model_sharing_provider.cli.catalog_terms import (
    accept_terms,
    accept_terms_option,
    agreed_to,
    catalog_terms,
)
from model_sharing_provider.cli.completion import complete_catalogs
from model_sharing_provider.cli.options import (
    changes_of,
    comment_option,
    confirm_force,
    force_options,
    owner_option,
    rename_option,
)
from model_sharing_provider.cli.records import catalog_record
from model_sharing_provider.cli.session import listed, run
from model_sharing_provider.domain.securables import Catalog

if TYPE_CHECKING:
    from model_sharing_protocol.console.progress_bar import ProgressBar


@click.group(epilog=example("model-sharing-provider catalog create prod"))
def catalog() -> None:
    """Catalogs: the first part of a model's name."""


for command in (catalog_terms, accept_terms):
    catalog.add_command(command)


@catalog.command(
    epilog=example(
        "model-sharing-provider catalog create prod --comment 'What we sell'",
        "model-sharing-provider catalog create vendor --provider globex --share globex_share",
    )
)
@click.argument("name")
@click.option("--comment", default="")
@click.option("--provider", "sharing_provider", help="Make the catalog from a share of this provider.")
@click.option("--share", help="The name of that share.")
@click.option(
    "--key-fingerprint",
    metavar="SHA256:…",
    help="The key that the provider must sign with, if you learned it by another way.",
)
@click.option("--broker", is_flag=True, help="Keep no files here: hand out the provider's own URLs.")
@accept_terms_option
@output_option
def create(
    name: str,
    comment: str,
    *,
    sharing_provider: str | None,
    share: str | None,
    key_fingerprint: str | None,
    broker: bool,
    digests: Sequence[str],
    output: str,
) -> None:
    """Create a catalog, or make one from a provider's share for everybody here.

    A catalog from a share is read-only, and follows the provider: models, versions and aliases appear as they
    change there. Files are fetched when they are first needed. If the share has terms, they are shown, and on
    a terminal you are asked whether you accept them for everybody here.
    """
    if sharing_provider is None or share is None:
        if sharing_provider or share or key_fingerprint or broker or digests:
            raise click.UsageError("A catalog from a share needs both, --provider and --share.")
        created = run(lambda provider, context: provider.catalogs.create(context, name, comment))
        show_done(catalog_record(created), f"Created the catalog {created.name}", output)
        return

    def make(accepted: Sequence[str]) -> Catalog:
        with _progress_bar() as bar:
            return run(
                lambda provider, context: provider.shared_catalogs.create(
                    context,
                    name,
                    sharing_provider,
                    share,
                    comment=comment,
                    key_fingerprint=key_fingerprint,
                    broker=broker,
                    accept_terms=accepted,
                    progress=bar.show,
                )
            )

    try:
        made = make(digests)
    except TermsNotAccepted:
        made = make([*digests, *agreed_to(sharing_provider, share)])
    show_done(
        catalog_record(made), f"Created the catalog {made.name} from {share} of {sharing_provider}", output
    )


@catalog.command(epilog=example("model-sharing-provider catalog sync vendor"))
@click.argument("name", shell_complete=complete_catalogs)
@output_option
def sync(name: str, output: str) -> None:
    """Bring a catalog from a share up to date now; a running server does so by itself."""
    with _progress_bar() as bar:
        report = run(
            lambda provider, context: provider.shared_catalogs.sync(context, name, progress=bar.show)
        )
    sentence = f"{report.models} models, {report.written} brought up to date, {report.removed} removed"
    show_done(fields_of(report), sentence, output)
    for left_out in report.left_out:
        announce(f"Left out: {left_out}")


@catalog.command(
    epilog=example(
        "model-sharing-provider catalog pull vendor --alias Champion",
        "model-sharing-provider catalog pull vendor --all-versions --model 'fraud.*'",
    )
)
@click.argument("name", shell_complete=complete_catalogs)
@click.option("--alias", metavar="PATTERN", help="Only versions that matching aliases point at.")
@click.option("--all-versions", is_flag=True, help="Every version, aliases or not.")
@click.option("--model", metavar="PATTERN", default="*", help="Only models whose SCHEMA.MODEL matches.")
@output_option
def pull(name: str, alias: str | None, all_versions: bool, model: str, output: str) -> None:
    """Fetch files of a catalog from a share ahead of use: of the versions that aliases point at.

    What is here already is not fetched again. After an error, run it again: it goes on where it stopped.
    """
    from model_sharing_provider.services.mirroring.catalog_pulls import PullSelection  # noqa: PLC0415

    if alias is not None and all_versions:
        raise click.UsageError("Choose one of --alias and --all-versions.")
    selection = PullSelection(model, alias or "*", all_versions)
    with _progress_bar() as bar:
        pulled = run(
            lambda provider, context: provider.catalog_pulls.pull(context, name, selection, bar.show)
        )
    what = "1 version is" if pulled.versions == 1 else f"{pulled.versions} versions are"
    sentence = f"{what} here: {human_size(pulled.size)}, of which {human_size(pulled.fetched)} were fetched"
    show_done(fields_of(pulled), sentence, output)


@catalog.command("list", epilog=example("model-sharing-provider catalog list"))
@output_option
def list_catalogs(output: str) -> None:
    """List the catalogs."""
    records = listed(lambda provider, context, page: provider.catalogs.page(context, page), catalog_record)
    show_list(
        records,
        ["name", "owner", "provider_name", "share_name", "state", "comment", "created_at"],
        output,
        empty="No catalogs yet; create one: model-sharing-provider catalog create NAME",
    )


@catalog.command(epilog=example("model-sharing-provider catalog show prod"))
@click.argument("name", shell_complete=complete_catalogs)
@output_option
def show(name: str, output: str) -> None:
    """Show a catalog; one from a share with its state, since when, and what to do."""
    found = run(lambda provider, context: provider.catalogs.get(context, name))
    show_one(catalog_record(found), output)


@catalog.command(epilog=example("model-sharing-provider catalog update prod --owner ann@example.com"))
@click.argument("name", shell_complete=complete_catalogs)
@rename_option
@comment_option
@owner_option
@output_option
def update(name: str, rename: str | None, comment: str | None, owner: str | None, output: str) -> None:
    """Update a catalog's name, description or owner."""
    changes = changes_of(rename=rename, comment=comment, owner=owner)
    updated = run(lambda provider, context: provider.catalogs.update(context, name, changes))
    show_done(catalog_record(updated), f"Updated the catalog {updated.name}", output)


@catalog.command(epilog=example("model-sharing-provider catalog delete prod"))
@click.argument("name", shell_complete=complete_catalogs)
@force_options
def delete(name: str, force: bool, yes: bool) -> None:
    """Delete a catalog that has no schemas, or with --force one that has.

    A catalog from a share needs no --force: what was fetched of it is deleted, and the provider has the rest.
    """
    confirm_force(f"the catalog {name}", force=force, yes=yes)
    run(lambda provider, context: provider.catalogs.delete(context, name, force=force))
    say(f"Deleted the catalog {name}")


def _progress_bar() -> ProgressBar:
    from model_sharing_protocol.console.progress_bar import ProgressBar  # noqa: PLC0415 - slow to import: rich

    return ProgressBar()
