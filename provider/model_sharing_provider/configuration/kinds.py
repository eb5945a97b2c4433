"""Kinds of settings: the written form of a value, and its parser."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.units import DURATION_FORM, SIZE_FORM, parse_duration, parse_size
from model_sharing_provider.domain.locations import parse_location
from model_sharing_provider.governance.addresses import parse_network
from model_sharing_provider.governance.issuers import check_issuer

_SCOPE = re.compile(r"[!#-\[\]-~]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kind:
    """Kind of a setting. `form` completes "it must be …"; `parse` raises ValueError or a SharingError.

    Values of a kind with `shown` contain secrets: `shown` returns the part that may be shown.
    """

    form: str
    parse: Callable[[str], Any]
    shown: Callable[[Any], str] | None = None


def choice(*words: str) -> Kind:
    return Kind(f"{', '.join(words[:-1])} or {words[-1]}", lambda text: words[words.index(text.lower())])


def whole_number(least: int = 0, most: int = 999_999_999) -> Kind:
    return Kind(f"a whole number from {least} to {most}", lambda text: _number(text, least, most))


def duration_between(least: str, most: str) -> Kind:
    """Duration from `least` to `most`, both as `parse_duration` takes them."""

    def parse(text: str) -> timedelta:
        duration = _duration(text)
        if not parse_duration(least) <= duration <= parse_duration(most):
            raise ValueError(text)
        return duration

    return Kind(f"a duration from {least} to {most}", parse)


def without_credentials(url: str) -> str:
    """Database URL without credentials."""
    parts = urlsplit(url)
    return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text, plain_seconds=True)
    except InvalidParameter:
        raise ValueError(text) from None


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except InvalidParameter:
        raise ValueError(text) from None


def _number(text: str, least: int, most: int) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most:
        return int(text)
    raise ValueError(text)


def _path(text: str) -> Path:
    if "?" in text:
        raise ValueError(text)
    return Path(text).expanduser().absolute()


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(text)
    return text.rstrip("/")


def _postgresql_url(text: str) -> str:
    parts = urlsplit(text)
    # An '@' after the host belongs to the password, in which a '/', '?' or '#' ended the authority.
    cut = "@" in parts.path + parts.query + parts.fragment
    if parts.scheme not in ("postgresql", "postgres") or cut:
        raise ValueError(text)
    return text


def _yes_or_no(text: str) -> bool:
    if text.lower() not in ("yes", "true", "no", "false"):
        raise ValueError(text)
    return text.lower() in ("yes", "true")


def _networks(text: str) -> tuple[str, ...]:
    return tuple(str(parse_network(network)) for network in _listed(text))


def _scopes(text: str) -> str:
    scopes = text.replace(",", " ").split()
    if "openid" not in scopes or not all(map(_SCOPE.fullmatch, scopes)):
        raise ValueError(text)
    return " ".join(scopes)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


TEXT = Kind("text", str)
ISSUER = Kind("the URL of an issuer like https://login.example.com/tenant", check_issuer)
SCOPES = Kind("scopes like `openid profile`, with `openid` among them", _scopes)
YES_OR_NO = Kind("yes or no", _yes_or_no)
PATH = Kind("a path without '?'", _path)
DURATION = Kind(DURATION_FORM, _duration)
SIZE = Kind(SIZE_FORM, _size)
HTTP_URL = Kind("an http(s) URL", _http_url)
POSTGRESQL_URL = Kind(
    "postgresql://user:password@host:port/database, with special characters of the password written as %XX",
    _postgresql_url,
    shown=without_credentials,
)
LOCATION = Kind("a location like s3://bucket/folder or file:///folder", parse_location)
NETWORKS = Kind("networks like 10.0.0.0/8, comma-separated", _networks)
LOCATIONS = Kind(
    "locations like s3://bucket/folder, comma-separated",
    lambda text: tuple(parse_location(url) for url in _listed(text)),
)
