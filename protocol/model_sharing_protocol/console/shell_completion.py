"""Shell completion: the script for the shell, and names looked up while the user types.

Shells insert completions unquoted, and names come from others, so only names without characters that are
special to a shell are offered.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable
from pathlib import PurePath

import click
from click.shell_completion import get_completion_class

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.output import say_lines

SHELLS = ("bash", "zsh", "fish")
_SAFE = re.compile(r"[\w.@:/+-]+")

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def completing(look_up: Callable[[str], Iterable[str]]) -> Complete:
    """`shell_complete` of a parameter: the names that begin with the text typed so far.

    Any error means no completions: the user is typing and cannot act on it.
    """

    def complete(context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
        try:
            with context.scope(cleanup=False), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                names = sorted(set(look_up(typed)))
        except Exception:  # a traceback would end up in the command line
            return []
        return [name for name in names if name.startswith(typed) and _SAFE.fullmatch(name)]

    return complete


def completion_command(program: click.Group, name: str) -> click.Command:
    """Command `completion` of the command line `program`, installed as `name`."""

    @click.command("completion", epilog=example(*_files(name)))
    @click.argument("shell", type=click.Choice(SHELLS), required=False)
    def completion(shell: str | None) -> None:
        """Print the script for shell completion of commands, options and names.

        SHELL defaults to the one in $SHELL.
        """
        chosen = shell or PurePath(os.environ.get("SHELL", "")).name
        found = get_completion_class(chosen) if chosen in SHELLS else None
        if found is None:
            raise click.UsageError(f"Name the shell: {', '.join(SHELLS)}.")
        variable = f"_{name.replace('-', '_')}_complete".upper()
        say_lines(found(program, {}, name, variable).source() + "\n")

    return completion


def _files(name: str) -> tuple[str, ...]:
    return (
        f"{name} completion bash > ~/.local/share/bash-completion/completions/{name}",
        f"{name} completion zsh > ~/.zfunc/_{name}",
        f"{name} completion fish > ~/.config/fish/completions/{name}.fish",
    )
