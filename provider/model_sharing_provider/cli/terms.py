"""`share set-terms`, `clear-terms` and `terms`, and the same of `model`."""

from __future__ import annotations

from pathlib import Path

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import announce, print_json, say, say_lines
from model_sharing_protocol.console.results import show_done, show_list, show_one
from model_sharing_protocol.console.shell_completion import Complete
from model_sharing_protocol.errors import InvalidParameter, NotFound
from model_sharing_protocol.names import FullName
from model_sharing_protocol.printable import enumerated
from model_sharing_protocol.terms import MAX_TERMS_BYTES
from model_sharing_protocol.text_files import decode_text
from model_sharing_provider.cli.confirmations import confirm_or_tell, yes_option
from model_sharing_provider.cli.records import to_record
from model_sharing_provider.cli.session import run
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.terms import Terms

_PROGRAM = "model-sharing-provider"


def add_terms_commands(
    group: click.Group, kind: SecurableType, *, metavar: str, shown_as: str, complete: Complete
) -> None:
    """Add the commands for terms to the group of shares or of models; `shown_as` is the name in examples."""
    word = kind.lower()
    name_argument = click.argument("name", metavar=metavar, shell_complete=complete)

    @group.command(
        "set-terms", epilog=example(f"{_PROGRAM} {word} set-terms {shown_as} TERMS.txt --version 2.0")
    )
    @name_argument
    @click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
    @click.option("--version", metavar="TEXT", required=True, help="Version of the terms, as people call it.")
    @yes_option
    @output_option
    def set_terms(*, name: str, file: Path, version: str, yes: bool, output: str) -> None:
        """Let recipients accept the text in FILE before they download; it replaces the terms that are there.

        Recipients that have not accepted these terms get no files until they do. On a terminal, asks for
        confirmation if there are any recipients.
        """
        text = _read_text(file)
        if not yes:
            _confirm(kind, name)
        terms = run(
            lambda provider, context: provider.provider_terms.set(
                context, kind, name, version=version, text=text
            )
        )
        show_done(
            to_record(terms), f"The terms of {name} are version {terms.version}, {terms.digest}", output
        )

    @group.command("clear-terms", epilog=example(f"{_PROGRAM} {word} clear-terms {shown_as}"))
    @name_argument
    def clear_terms(name: str) -> None:
        """End the terms: nothing needs to be accepted any more. What was accepted stays on record."""
        run(lambda provider, context: provider.provider_terms.clear(context, kind, name))
        say(f"{name} has no terms of its own now")

    @group.command(
        "terms",
        epilog=example(
            f"{_PROGRAM} {word} terms {shown_as}", f"{_PROGRAM} {word} terms {shown_as} --history"
        ),
    )
    @name_argument
    @click.option("--history", is_flag=True, help="List former terms, too.")
    @click.option("--digest", metavar="sha256:…", help="Show the terms of this digest, in force or not.")
    @output_option
    def terms(*, name: str, history: bool, digest: str | None, output: str) -> None:
        """Show the terms in force, or those there were."""
        if history and digest:
            raise click.UsageError("Give --history or --digest, not both.")
        found = run(lambda provider, context: provider.provider_terms.history(context, kind, name, digest))
        if history:
            columns = ["version", "digest", "set_at", "set_by", "ended_at", "ended_by"]
            show_list([to_record(each) for each in found], columns, output, empty=f"{name} never had terms.")
            return
        if digest and not found:
            raise NotFound(f"{name} never had terms {digest!r}; --history lists those that it had.")
        _show(name, next((each for each in found if digest or each.ended_at is None), None), output)


def _read_text(file: Path) -> str:
    """Text of a file, not longer than terms may be. Raises InvalidParameter."""
    with file.open("rb") as opened:
        data = opened.read(4 * MAX_TERMS_BYTES + 5)
    try:
        return decode_text(data)
    except UnicodeDecodeError as error:
        raise InvalidParameter(
            f"{file} is not a text file in UTF-8, or has more than {MAX_TERMS_BYTES} bytes."
        ) from error


def _confirm(kind: SecurableType, name: str) -> None:
    if kind is SecurableType.SHARE:
        _, _, grants = run(lambda provider, context: provider.shares.get(context, name))
        recipients = {grant.recipient for grant in grants}
    else:
        model = FullName.parse(name)
        shown = run(lambda provider, context: provider.shares.of_model(context, model))
        recipients = {recipient for share in shown for recipient in share.recipients}
    if recipients:
        confirm_or_tell(f"{enumerated(sorted(recipients))} can load it again once they accept these terms.")


def _show(name: str, terms: Terms | None, output: str) -> None:
    if output == "json":
        print_json(to_record(terms) if terms else None)
    elif terms is None:
        announce(f"{name} has no terms of its own.")
    else:
        show_one({**to_record(terms), "text": ""}, output)
        announce("")
        say_lines(terms.text if terms.text.endswith("\n") else f"{terms.text}\n")
