"""`model-sharing terms`, and what `mount` shows and asks about terms."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

import click

from model_sharing.api import blocking
from model_sharing.api.blocking_catalog import Catalog
from model_sharing.cli.completion import complete_catalogs
from model_sharing.mounting.terms import Terms
from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import announce, say
from model_sharing_protocol.console.results import show_list
from model_sharing_protocol.console.terms import ask_to_accept, can_ask, show_terms, state_of_acceptance

accepted_by_option = click.option(
    "--accepted-by", metavar="NAME", help="Who accepts, for the provider's record. Default: your user name."
)


@click.command(
    epilog=example(
        "model-sharing terms vendor",
        "model-sharing terms vendor --accept sha256:…",
    )
)
@click.argument("name", metavar="MOUNT", shell_complete=complete_catalogs)
@click.option(
    "--accept", "digests", metavar="sha256:…", multiple=True, help="Accept terms by their digest; repeatable."
)
@accepted_by_option
@output_option
def terms(*, name: str, digests: Sequence[str], accepted_by: str | None, output: str) -> None:
    """Show the terms of a mounted share and of its models, and accept them.

    On a terminal, asks about those that are not accepted.
    """
    catalog = blocking.catalog(name)
    if digests:
        accepted = catalog.accept_terms(*digests, accepted_by=accepted_by)
        if output == "json":
            show_list(_records(accepted), [], output)
        for each in accepted if output != "json" else ():
            say(_accepted(each))
        return
    found = catalog.list_terms()
    if output == "json":
        show_list(_records(found), [], output)
    elif not found:
        announce(f"{name} has no terms.")
    elif can_ask():
        ask_for(catalog, found, accepted_by)
    else:
        for each in found:
            show(each)


def agreed_to(found: Iterable[Terms]) -> list[str]:
    """Digests of the terms that the user accepts, after reading each that is not accepted yet."""
    agreed = []
    for each in found:
        show(each)
        if not each.accepted and ask_to_accept():
            agreed.append(each.digest)
    return agreed


def ask_for(catalog: Catalog, found: Iterable[Terms], accepted_by: str | None) -> None:
    """Show terms, ask about those that are not accepted, and accept what the user agrees to."""
    for each in catalog.accept_terms(*agreed_to(found), accepted_by=accepted_by):
        say(_accepted(each))


def tell_of_models(catalog: Catalog, accepted_by: str | None) -> None:
    """Tell of terms that only some models of a new mount have, and ask about them on a terminal."""
    remaining = [each for each in catalog.list_terms() if not each.accepted]
    if remaining and can_ask():
        ask_for(catalog, remaining, accepted_by)
    elif remaining:
        announce(
            f"Some models have terms of their own, to be accepted before they are loaded; read them with: "
            f"model-sharing terms {shlex.quote(catalog.name)}"
        )


def show(terms: Terms) -> None:
    """Show terms, with when they were accepted."""
    state = state_of_acceptance(terms.accepted_at, terms.accepted_by)
    show_terms(terms.subject, terms.version, terms.digest, terms.text, state)


def _accepted(terms: Terms) -> str:
    return f"Accepted the terms of {terms.subject}, version {terms.version}, {terms.digest}"


def _records(found: Iterable[Terms]) -> list[dict[str, object]]:
    return [
        {
            "digest": each.digest,
            "version": each.version,
            "models": list(each.models),
            "num_models": each.num_models,
            "accepted_at": each.accepted_at,
            "accepted_by": each.accepted_by,
            "text": each.text,
        }
        for each in found
    ]
