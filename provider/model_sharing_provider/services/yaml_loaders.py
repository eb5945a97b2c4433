"""Loading of YAML that strangers wrote, without aliases and tags."""

from __future__ import annotations

from typing import Any

import yaml

LOAD_ERRORS = (yaml.YAMLError, ValueError, ArithmeticError, TypeError, RecursionError)
"""Errors of `load`, such as ValueError for dates that do not exist, ArithmeticError for numbers too large."""


def load(text: str, *, as_text: bool = False) -> Any:
    """Load one document; with `as_text`, each scalar is text. Raises one of `LOAD_ERRORS`."""
    return yaml.load(text, _TextLoader if as_text else _Loader)  # noqa: S506 - safe


class _Loader(yaml.SafeLoader):
    """Loader of YAML without aliases, with which a few lines can stand for billions, and without tags.

    By a tag, text is read as what it is not: PyYAML has no error for `!!bool maybe`, it breaks.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="it has an alias")
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(problem="it has a tag", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


class _TextLoader(_Loader):
    """Loader whose numbers, dates, and words such as `no` are the text that was written.

    Of a name that is there twice some readers take the first and some the last, and some merge maps at `<<`.
    """

    yaml_implicit_resolvers = {}  # noqa: RUF012 - as its base has it

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = {"<<"}
        for key, _ in node.value:
            if key.value in seen:
                problem = f"the name {key.value[:80]!r} is there twice, or merges maps"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            if isinstance(key.value, str):
                seen.add(key.value)
        return super().construct_mapping(node, deep)
