"""`catalog terms`, `catalog accept-terms` and `provider terms`: terms of other providers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import announce, print_json, say
from model_sharing_protocol.console.terms import ask_to_accept, can_ask, show_terms, state_of_acceptance
from model_sharing_protocol.terms import subject_of_terms
from model_sharing_provider.cli.completion import complete_catalogs
from model_sharing_provider.cli.records import to_record
from model_sharing_provider.cli.session import run
from model_sharing_provider.domain.terms import SharedTerms

accept_terms_option = click.option(
    "--accept-terms",
    "digests",
    metavar="sha256:…",
    multiple=True,
    help="Accept terms of the share or of its models, by their digest; repeatable.",
)


@click.command("terms", epilog=example("model-sharing-provider catalog terms vendor"))
@click.argument("name", shell_complete=complete_catalogs)
@output_option
def catalog_terms(name: str, output: str) -> None:
    """Show the terms of the share that a catalog is made from, and whether they are accepted."""
    found = run(lambda provider, context: provider.catalog_terms.list(context, name))
    _show_all(found, output, empty=f"{name} has no terms.")


@click.command("accept-terms", epilog=example("model-sharing-provider catalog accept-terms vendor sha256:…"))
@click.argument("name", shell_complete=complete_catalogs)
@click.argument("digests", metavar="DIGEST...", nargs=-1, required=True)
@output_option
def accept_terms(name: str, digests: Sequence[str], output: str) -> None:
    """Accept terms for everybody in this metastore, by their digests; `catalog terms` shows them.

    The provider and the audit log record that you did.
    """
    accepted = run(lambda provider, context: provider.catalog_terms.accept(context, name, digests))
    if output == "json":
        print_json([to_record(each) for each in accepted])
        return
    for each in accepted:
        say(f"Accepted the terms of {subject_of_terms(each.models)}, version {each.version}, {each.digest}")


@click.command("terms", epilog=example("model-sharing-provider provider terms globex globex_share"))
@click.argument("name")
@click.argument("share")
@output_option
def provider_terms(name: str, share: str, output: str) -> None:
    """Show the terms of a share of a provider, before a catalog is made from it."""
    found = run(lambda opened, context: opened.providers.terms(context, name, share))
    _show_all(found, output, empty=f"The share {share} of {name} has no terms.")


def agreed_to(provider: str, share: str) -> list[str]:
    """Digests of the terms of a whole share that the user accepts; scripts get to see them, too."""
    agreed = []
    for each in run(lambda opened, context: opened.providers.terms(context, provider, share)):
        if each.accepted_at is None and not each.models:
            _show(each)
            if can_ask() and ask_to_accept():
                agreed.append(each.digest)
    return agreed


def _show_all(found: Iterable[SharedTerms], output: str, *, empty: str) -> None:
    if output == "json":
        print_json([to_record(each) for each in found])
    elif not found:
        announce(empty)
    else:
        for each in found:
            _show(each)


def _show(terms: SharedTerms) -> None:
    state = state_of_acceptance(terms.accepted_at, terms.accepted_by)
    show_terms(subject_of_terms(terms.models), terms.version, terms.digest, terms.text, state)
