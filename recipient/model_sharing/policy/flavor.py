"""Flavors of MLflow, as the policy knows them: what a loader reads, with which libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_sharing.policy.files import suffix_of

Options = Mapping[str, Any]

COMMON_OPTIONS = frozenset({"code", "extra_files"})


def no_content_problems(file: Path, options: Options) -> Iterator[str]:
    """No problems: the loader's library needs no check of its file."""
    return iter(())


@dataclass(frozen=True, slots=True)
class Flavor:
    """Flavor whose loader only reads data.

    `file_option` names the model's file for its own loader, `pyfunc_option` for that of `python_function`:
    each loader reads one of them, so both must be there and name the same file, and no other option may.
    """

    name: str
    options: frozenset[str]
    file_option: str
    pyfunc_option: str
    suffixes: tuple[str, ...]
    problems: Callable[[Options], Iterator[str]]
    libraries: tuple[str, ...]
    content_problems: Callable[[Path, Options], Iterator[str]] = no_content_problems

    def option_problems(self, options: Options, paths: frozenset[str]) -> Iterator[str]:
        """Problems of the flavor's options: what in them could run code."""
        yield from unknown_options(self.name, options, self.options | COMMON_OPTIONS | {self.file_option})
        yield from _code_problems(self.name, options)
        file = options.get(self.file_option)
        if not isinstance(file, str) or suffix_of(file) not in self.suffixes:
            yield f"the flavor {self.name!r} loads {file!r}, which is not a {' or '.join(self.suffixes)} file"
        elif file not in paths or "/" in file:
            yield (
                f"the flavor {self.name!r} loads {self.file_option} = {file!r}, "
                "which is not a file at the model's top"
            )
        yield from self.problems(options)


def unknown_options(flavor: str, options: Options, known: frozenset[str]) -> Iterator[str]:
    """Problems of options that the flavor's loader is not known to have."""
    for key in sorted(map(str, options.keys() - known)):
        yield f"the flavor {flavor!r} has the unknown option {key!r}"


def _code_problems(flavor: str, options: Options) -> Iterator[str]:
    if options.get("code"):
        yield code_problem(flavor, options)


def code_problem(flavor: str, options: Options) -> str:
    """Problem text for options that name a folder of code."""
    return f"the flavor {flavor!r} puts the model's folder {options['code']!r} on the Python path"
