"""Loading of YAML that strangers wrote, without aliases."""

from __future__ import annotations

from typing import Any

import yaml

LOAD_ERRORS = (yaml.YAMLError, ValueError, TypeError, RecursionError)
"""Errors of `load`; ValueError is raised for dates that do not exist, say."""


def load(text: str, *, as_text: bool = False) -> Any:
    """Load one document; with `as_text`, each scalar is text. Raises one of `LOAD_ERRORS`."""
    return yaml.load(text, _TextLoader if as_text else _Loader)  # noqa: S506 - safe


class _Loader(yaml.SafeLoader):
    """Loader of YAML without aliases, with which a few lines can stand for billions."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="it has an alias")
        return super().compose_node(parent, index)


class _TextLoader(_Loader):
    """Loader whose numbers, dates, and words such as `no` are the text that was written."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - as its base has it
