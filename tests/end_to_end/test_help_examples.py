"""The help of each command ends with an example, which is a command line that can be typed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from model_sharing.cli.main import cli as recipient
from model_sharing_provider.cli.main import cli as provider

Path_ = tuple[str, ...]


def walk(command: click.Command, path: Path_) -> Iterator[tuple[Path_, click.Command]]:
    """Each command of a command line, with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from walk(found, (*path, name))


PROGRAMS = {"model-sharing": recipient, "model-sharing-provider": provider}
COMMANDS = [each for name, program in PROGRAMS.items() for each in walk(program, (name,))]


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_its_examples_call_it(
    path: Path_, command: click.Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for read in ("globex.share", "TERMS.txt"):
        (tmp_path / read).touch()
    examples = examples_in(help_of(command, path))
    assert examples
    for example in examples:
        words, called = parse(shlex.split(example.partition(" > ")[0].partition(" < ")[0]))
        below = isinstance(command, click.Group) and words[: len(path)] == path
        assert called is command or below  # of which some have an older name too


def test_both_command_lines_are_walked_to_their_leaves() -> None:
    assert len(COMMANDS) > 80
    assert ("model-sharing-provider", "principal", "token", "create") in [path for path, _ in COMMANDS]


def help_of(command: click.Command, path: Path_) -> str:
    return command.get_help(click.Context(command, info_name=" ".join(path)))


def examples_in(text: str) -> list[str]:
    """The lines below the title of the examples, as they are printed."""
    lines = [line.strip() for line in text.splitlines()]
    titles = [number for number, line in enumerate(lines) if line in ("Example:", "Examples:")]
    return lines[titles[-1] + 1 :] if titles else []


def parse(words: list[str]) -> tuple[Path_, click.Command]:
    """The words of the command that is called, and itself; raises UsageError for what cannot be called so."""
    command: click.Command = PROGRAMS[words[0]]
    context, depth = click.Context(command, info_name=words[0]), 1
    while isinstance(command, click.Group):  # none of the examples has options of a group
        found = command.get_command(context, words[depth])
        assert found is not None
        command, depth = found, depth + 1
        context = click.Context(command, parent=context, info_name=words[depth - 1])
    command.make_context(words[depth - 1], words[depth:], context.parent)
    return tuple(words[:depth]), command
