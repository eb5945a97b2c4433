"""Text that commands a terminal, or passes for other text, wherever a command line takes text."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Iterator, Sequence

import click

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x08\x7f"  # a window's title, and an empty screen
    "\x9b31m\x85\x90"  # the same as single characters, C1
    "\u202egnp.exe\u2066\u061c\u200f"  # other order
    "\u200b\xad\ufeff\u2060\U000e0041\U0001d173"  # not to be seen
    "\u2028\u2029\r\nforged\tline"  # a line of its own
    "[red]x[bold][link=http:127.0.0.1]"  # rich's markup
)
"""It can be the name of a file."""
SHOWN = r"\x1b]0;owned\x07\x1b[2J"
"""How it begins where people read it."""
IN_JSON = r"\u001b]0;owned\u0007\u001b[2J"
_SAFE = "\n\t"


def unsafe_in(printed: str) -> set[str]:
    """The characters that should not have come out."""
    return {
        each
        for each in printed
        if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp") and each not in _SAFE
    }


def all_commands(root: click.Command) -> dict[str, click.Command]:
    """The commands of a command line that are no groups, by their words."""
    return {words: command for words, command in _below(root, "") if not isinstance(command, click.Group)}


def all_groups(root: click.Command) -> list[str]:
    return [words for words, command in _below(root, "") if isinstance(command, click.Group)]


def has_json(command: click.Command) -> bool:
    return any("--output" in each.opts for each in command.params)


def hostile_calls(words: str, command: click.Command, valid: Sequence[str]) -> Iterator[list[str]]:
    """Calls of one command, hostile in one place each: an argument, an option, or one too many.

    `valid` are arguments and options that it is called well with, the arguments first.
    """
    well = [*words.split(), *valid]
    first = len(words.split())
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    for at in range(first, first + min(len(arguments), len(valid))):
        yield [*well[:at], HOSTILE, *well[at + 1 :]]
    for option in command.params:
        if isinstance(option, click.Option) and not option.is_flag:
            yield [*well, option.opts[0], HOSTILE]
    yield [*well, f"--{HOSTILE}"]
    yield [*well, HOSTILE]


def split_calls(root: click.Command, calls: str) -> list[tuple[str, list[str]]]:
    """Lines as the words of a command and what it is given.

    Commands without a line are called before the others: bare, or as the example in their help if they need
    something.
    """
    commands = all_commands(root)
    split = []
    for parts in filter(None, map(str.split, calls.splitlines())):
        count = max(n for n in range(1, len(parts) + 1) if " ".join(parts[:n]) in commands)
        split.append((" ".join(parts[:count]), parts[count:]))
    unlisted = sorted(commands.keys() - {words for words, _ in split})
    return [*((words, _given_by_example(words, commands[words])) for words in unlisted), *split]


def _given_by_example(words: str, command: click.Command) -> list[str]:
    if not any(each.required for each in command.params):
        return []
    first = (command.epilog or "").strip("\b\n").splitlines()[1]
    return shlex.split(first)[1 + len(words.split()) :]


def _below(command: click.Command, words: str) -> Iterator[tuple[str, click.Command]]:
    yield words.strip(), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _below(found, f"{words} {name}")
