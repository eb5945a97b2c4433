"""Redaction of what is shown: no tokens, signed URLs, credentials, or characters that a terminal obeys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

REDACTED = "[redacted]"
_SECRET_FIELDS = frozenset(
    name.lower()
    for name in (
        "accessKeyId",
        "secretAccessKey",
        "sessionToken",
        "sasToken",
        "oauthToken",
        "bearerToken",
        "refreshToken",
        "clientSecret",
        "privateKey",
        "access_token",
    )
)
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_QUERY_OF_URL = re.compile(r"(https?://[^\s\"'<>\\?#]{1,2000}+)\?[^\s\"'<>\\]*", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_BEARER = re.compile(r"(?i)\b(bearer)\s+[A-Za-z0-9._~+/=-]{6,}")
_FIELD = re.compile(
    r'(?i)"(%s)"\s*:\s*"(?:[^"\\]|\\.)*"?' % "|".join(sorted(_SECRET_FIELDS))  # noqa: UP031
)


def printable(text: str) -> str:
    """Text without characters that a terminal would obey, or that are none in UTF-8."""
    return _CONTROL.sub("\ufffd", text)


class Redactor:
    """Remover of secrets: of those that are known, and of what stands where secrets stand."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = {secret for secret in secrets if len(secret) > 3}

    def learn(self, secret: str) -> None:
        """Redact this one too, wherever it appears from now on."""
        if len(secret) > 3:
            self._secrets.add(secret)

    def text(self, text: str) -> str:
        """Text without secrets and control characters; it may be cut, and need not be JSON."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, REDACTED)
            text = text.replace(json.dumps(secret)[1:-1], REDACTED)
        text = _FIELD.sub(lambda found: f'"{found[1]}": "{REDACTED}"', text)
        text = _BEARER.sub(rf"\1 {REDACTED}", text)
        return printable(_QUERY_OF_URL.sub(rf"\1?{REDACTED}", text))

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {
            name: REDACTED if name.lower() in _SECRET_HEADERS else self.text(value)
            for name, value in headers.items()
        }

    def body(self, body: bytes, limit: int = 4000) -> str:
        """Body as text, at most `limit` characters of it, without secrets.

        Lines of JSON are redacted by their fields; all else by what it looks like.
        """
        text = body[: 4 * limit].decode("utf-8", "replace")
        lines = [self._line(line) for line in text.split("\n")]
        shown = self.text("\n".join(lines))
        return shown if len(shown) <= limit else f"{shown[:limit]}… ({len(body)} bytes)"

    def _line(self, line: str) -> str:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return line
        return json.dumps(_without_secrets(value), ensure_ascii=False) if isinstance(value, dict) else line


def _without_secrets(value: Any, depth: int = 0) -> Any:
    if depth > 20:
        return REDACTED
    if isinstance(value, dict):
        return {
            key: REDACTED if key.lower() in _SECRET_FIELDS else _without_secrets(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(item, depth + 1) for item in value]
    return value
