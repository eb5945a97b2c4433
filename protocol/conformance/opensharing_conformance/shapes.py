"""Shapes of answers: what checks say about statuses, headers, JSON objects and their fields."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from opensharing_conformance.client import Answer
from opensharing_conformance.judgement import Violation, require

JSON = "application/json"
NDJSON = "application/x-ndjson"
MAX_NAME = 255
_UUID = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FORBIDDEN = re.compile(r"[ /\x00-\x1f\x7f]")


def require_status(answer: Answer, *statuses: int) -> None:
    wanted = " or ".join(map(str, statuses))
    require(answer.status in statuses, f"the status is {answer.status}, not {wanted}")


def require_refusal(answer: Answer) -> None:
    """A request that cannot be served is refused, by whatever status of a client's error."""
    require(400 <= answer.status < 500, f"the status is {answer.status}, not one of an error")


def require_media_type(answer: Answer, media_type: str) -> None:
    said = (answer.header("content-type") or "").partition(";")[0].strip().lower()
    require(said == media_type, f"Content-Type is {answer.header('content-type')!r}, not {media_type}")


def require_content_type(answer: Answer, media_type: str) -> None:
    """Media type with `charset=utf-8`."""
    require_media_type(answer, media_type)
    parameters = (answer.header("content-type") or "").lower().replace('"', "").split(";")[1:]
    charset = [value.strip() for value in parameters]
    said = answer.header("content-type")
    require("charset=utf-8" in charset, f"Content-Type is {said!r}, without charset=utf-8")


def json_object(answer: Answer) -> Mapping[str, Any]:
    return as_object(answer.json(), "the body")


def as_object(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Violation(f"{place} is not a JSON object")
    return value


def require_error_body(answer: Answer) -> None:
    body = json_object(answer)
    for name in ("errorCode", "message"):
        require(isinstance(body.get(name), str), f"{name} of the error is {_shown(body.get(name))}, not text")


def page_items(answer: Answer) -> list[Mapping[str, Any]]:
    """Items of a page; a missing list is an empty one."""
    require_status(answer, 200)
    page = json_object(answer)
    items = page.get("items", [])
    if not isinstance(items, list):
        raise Violation(f"items is {_shown(items)}, not a list")
    return [as_object(item, f"items[{number}]") for number, item in enumerate(items)]


def next_page_token(answer: Answer) -> str:
    token = json_object(answer).get("nextPageToken", "")
    if not isinstance(token, str):
        raise Violation(f"nextPageToken is {_shown(token)}, not text")
    return token


def text(fields: Mapping[str, Any], name: str) -> str:
    """Required field that is text."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise Violation(f"{name} is {_shown(value)}, not text")
    return value


def optional_text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise Violation(f"{name} is {_shown(value)}, not text")
    return value or ""


def long(fields: Mapping[str, Any], name: str) -> int:
    """Required field that is a whole number."""
    value = fields.get(name)
    if not is_long(value):
        raise Violation(f"{name} is {_shown(value)}, not a whole number")
    return int(fields[name])


def is_long(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def text_map(fields: Mapping[str, Any], name: str) -> Mapping[str, str]:
    """Optional map of text to text."""
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise Violation(f"{name} is {_shown(value)}, not a map of text to text")
    return value


def require_name(name: str, *, period: bool) -> None:
    """Name that the specification allows; `period` says whether one may be in it."""
    require(len(name) <= MAX_NAME, f"the name {name[:40]!r}… has {len(name)} characters")
    require(not _FORBIDDEN.search(name), f"the name {name!r} has a character that is not allowed")
    require(period or "." not in name, f"the name {name!r} has a period")


def require_uuid(value: str) -> None:
    require(_UUID.fullmatch(value) is not None, f"{value!r} is not a UUID")


def require_unique(values: Sequence[Any], name: str) -> None:
    for value, count in Counter(map(repr, values)).items():
        require(count == 1, f"{name} {value[:100]} is there {count} times")


def iso_8601(value: str) -> datetime:
    """Moment in ISO 8601; raises Violation."""
    # One digit of a second's fraction, as the specification's example has it, is ISO 8601 too.
    try:
        moment = datetime.fromisoformat(re.sub(r"\.(\d+)", lambda f: "." + f[1][:6].ljust(6, "0"), value))
    except ValueError:
        raise Violation(f"{value!r} is not a time in ISO 8601") from None
    require(moment.tzinfo is not None, f"{value!r} has no time zone")
    return moment


def other_case(name: str) -> str:
    """Name in the other case; the same if it has no letters."""
    return name.swapcase()


def _shown(value: Any) -> str:
    return "missing" if value is None else f"{value!r}"[:100]
