"""Options of both command lines: `--output`, and values that are durations or sizes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import click

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.units import parse_duration, parse_size

F = TypeVar("F", bound=Callable[..., Any])


def output_option(command: F) -> F:
    """`--output table|json`, passed to the command as `output`."""
    return click.option(
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="A table for people, or JSON for scripts.",
    )(command)


class Duration(click.ParamType[timedelta]):
    """Duration such as `90d`, see `parse_duration`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        try:
            return value if isinstance(value, timedelta) else parse_duration(value)
        except InvalidParameter as error:
            self.fail(error.message, param, ctx)


class Size(click.ParamType[int]):
    """Size in bytes such as `20GiB`, see `parse_size`; `parse` may be another parser of sizes."""

    name = "size"

    def __init__(self, parse: Callable[[str], int] = parse_size) -> None:
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else self._parse(value)
        except InvalidParameter as error:
            self.fail(error.message, param, ctx)
