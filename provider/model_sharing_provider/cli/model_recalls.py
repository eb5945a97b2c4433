"""`model recall`: take a version out of use, or lift that."""

from __future__ import annotations

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.results import show_done
from model_sharing_protocol.names import FullName
from model_sharing_provider.cli.completion import complete_models
from model_sharing_provider.cli.confirmations import confirm_or_tell, hits_of_model, yes_option
from model_sharing_provider.cli.deletions import pulled_lately
from model_sharing_provider.cli.options import VERSION
from model_sharing_provider.cli.records import to_record
from model_sharing_provider.cli.session import run
from model_sharing_provider.domain.pull_history import DeletionImpact
from model_sharing_provider.domain.sharing import ModelShare
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices


@click.command(
    epilog=example(
        "model-sharing-provider model recall prod.ml_team.iris_model 1 --reason 'Wrong labels' "
        "--replace-with 2",
        "model-sharing-provider model recall prod.ml_team.iris_model 1 --undo",
    )
)
@click.argument("name", metavar="CATALOG.SCHEMA.MODEL", shell_complete=complete_models)
@click.argument("number", metavar="VERSION", type=VERSION)
@click.option("--reason", metavar="TEXT", help="The reason, which everybody who uses the version reads.")
@click.option(
    "--replace-with",
    "replacement",
    metavar="VERSION",
    type=VERSION,
    help="The version to use instead; aliases move to it.",
)
@click.option("--undo", is_flag=True, help="Lift the recall; aliases stay where they are.")
@yes_option
@output_option
def recall(
    *,
    name: str,
    number: int,
    reason: str | None,
    replacement: int | None,
    undo: bool,
    yes: bool,
    output: str,
) -> None:
    """Recall a version: it stays, with its reason, and nobody but the model's owner can load it any more.

    Aliases that point at it move to the version that replaces it. On a terminal, asks for confirmation if it
    is shared; --undo lifts a recall.
    """
    full_name = FullName.parse(name)
    if undo:
        if reason or replacement:
            raise click.UsageError("Give --undo alone, or a reason.")
        lifted = run(lambda provider, context: provider.recalls.lift(context, full_name, number))
        show_done(to_record(lifted), f"Version {number} of {full_name} is in use again", output)
        return
    if reason is None:
        raise click.UsageError("Give the reason of the recall, with --reason.")
    if not yes:
        _confirm(full_name, number)
    recalled = run(
        lambda provider, context: provider.recalls.recall(context, full_name, number, reason, replacement)
    )
    instead = f"; version {replacement} replaces it" if replacement else ""
    show_done(to_record(recalled), f"Recalled version {number} of {full_name}{instead}", output)


def _confirm(full_name: FullName, number: int) -> None:
    async def read(provider: ProviderServices, context: Context) -> tuple[list[ModelShare], DeletionImpact]:
        impact = await provider.pull_history.impact_of_model(context, full_name, number)
        return await provider.shares.of_model(context, full_name), impact

    shown, impact = run(read)
    hits = " ".join(filter(None, (hits_of_model(shown, "it"), pulled_lately(impact))))
    if hits:
        confirm_or_tell(f"This recalls version {number} of {full_name}. {hits}")
