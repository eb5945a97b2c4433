"""Limits of recipients as options of `recipient update`, and as records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar

import click

from model_sharing_protocol.console.options import Size
from model_sharing_provider.cli.records import Record
from model_sharing_provider.domain.recipient_limits import LimitPeriod, RecipientLimits, RecipientUsage

F = TypeVar("F", bound=Callable[..., Any])

ChangeOfLimits = Callable[[RecipientLimits], RecipientLimits]

_FIELDS = ("requests_per_minute", "bytes_per_day", "bytes_per_month")
_DEFAULT = "default"
_PERIODS = dict(zip(_FIELDS, LimitPeriod, strict=True))


class _Limit(click.ParamType[Any]):
    """Limit: a number or size, or `default` for None, that of the settings."""

    name = "limit"

    def __init__(self, kind: click.ParamType[int]) -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return None if value == _DEFAULT else self._kind.convert(value, param, ctx)


def recipient_limit_options(command: F) -> F:
    """`--max-requests-per-minute` and so on, passed on as `limits`: a change, or None if none is given."""

    @wraps(command)
    def with_limits(**given: Any) -> Any:
        context = click.get_current_context()
        values = {field: given.pop(field) for field in _FIELDS}
        source = click.core.ParameterSource.DEFAULT
        changed = {k: v for k, v in values.items() if context.get_parameter_source(k) is not source}
        limits = (lambda present: replace(present, **changed)) if changed else None
        return command(limits=limits, **given)

    with_options: Any = with_limits
    for field, kind, metavar in (
        ("bytes_per_month", Size(), "SIZE"),
        ("bytes_per_day", Size(), "SIZE"),
        ("requests_per_minute", click.IntRange(0), "NUMBER"),
    ):
        with_options = click.option(
            f"--max-{field.replace('_', '-')}",
            field,
            type=_Limit(kind),
            metavar=metavar,
            help=f"Its own limit of {field.replace('_', ' ')}, at all servers together. 0: no limit; "
            "default: that of the settings.",
        )(with_options)
    result: F = with_options
    return result


def limits_record(usage: RecipientUsage) -> Record:
    """Limits in effect, each with what was used of it; those that there are not are 0."""
    record: Record = {}
    for field, period in _PERIODS.items():
        record[f"max_{field}"] = getattr(usage.limits, field) or 0
        record[f"{field.partition('_')[0]}_this_{period}"] = usage.used.get(period, 0)
    return record
