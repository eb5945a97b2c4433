"""Units of time and size as people write them: `90d`, `1.5m`, `20GiB`."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

from model_sharing_protocol.errors import InvalidParameter

DURATION_FORM = "a duration such as 90s, 30m, 24h, 90d, 2w or 0"
SIZE_FORM = "a size such as 20GiB, 500MB or a number of bytes"

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?([smhdw])?", re.IGNORECASE | re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_SIZE = re.compile(
    r"(?P<number>[0-9]{1,18}(\.[0-9]{1,9})?) ?((?P<prefix>[kmgt]?)(?P<ending>i?b?))", re.IGNORECASE | re.ASCII
)


def parse_duration(text: str, name: str = "", *, plain_seconds: bool = False) -> timedelta:
    """Parse a duration such as `90s`, `1.5m`, `24h`, `30d`, `2w` or `0`; `name` is for messages.

    A number without a unit is an error, since `--older-than 400` probably means days. With `plain_seconds`,
    for settings that are usually in seconds, it is a number of seconds. Raises InvalidParameter.
    """
    found = _DURATION.fullmatch(text.strip())
    if not found or not (found[2] or plain_seconds or float(found[1]) == 0):
        raise InvalidParameter(_refusal(text, name, DURATION_FORM))
    try:
        return timedelta(seconds=float(found[1]) * _SECONDS[(found[2] or "s").lower()])
    except OverflowError:  # more than 2.7 million years
        raise InvalidParameter(_refusal(text, name, DURATION_FORM)) from None


def parse_size(text: str, name: str = "") -> int:
    """Parse a size such as `20GiB`, `500 MB`, `1.5g` or a number of bytes; `name` is for messages.

    Units are powers of 1024, except those that end in B without i (KB, MB, …), which are powers of 1000.
    Raises InvalidParameter.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise InvalidParameter(_refusal(text, name, SIZE_FORM))
    number, prefix, ending = found["number"], found["prefix"].lower(), found["ending"].lower()
    base = 1000 if ending == "b" else 1024
    return int(Decimal(number) * base ** " kmgt".index(prefix or " "))


def _refusal(text: str, name: str, form: str) -> str:
    return f"{name} is {text!r}; it must be {form}." if name else f"{text!r} is not {form}."
