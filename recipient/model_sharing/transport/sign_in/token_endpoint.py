"""Token endpoint of an issuer (OAuth 2.0, RFC 6749): an access token for a client's credentials."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from model_sharing.transport.sign_in.access_token import LONGEST_SECONDS, AccessToken, access_token
from model_sharing.transport.sign_in.bounded_request import Answer, bounded_request
from model_sharing_protocol.errors import NotASharingServer, SignInRefused
from model_sharing_protocol.printable import printable

if TYPE_CHECKING:
    from model_sharing.transport.connecting import OpenSocket

_OK = 200
_LONGEST_REASON = 300
_DEFAULT_SECONDS = 300.0
"""Lifetime of a token whose issuer does not say it; a refusal renews it earlier."""


async def request_token(
    endpoint: str,
    form: Mapping[str, str],
    *,
    basic: tuple[str, str] | None = None,
    open_socket: OpenSocket | None = None,
) -> AccessToken:
    """Access token for a grant. `basic` are the client's id and secret, which go into a header.

    Raises SignInRefused with what the issuer said, NotASharingServer for an answer that has no usable token,
    and what `bounded_request` raises.
    """
    headers = {"Authorization": _basic(*basic)} if basic else {}
    given = {name: value for name, value in form.items() if value}
    answer = await bounded_request("POST", endpoint, headers=headers, form=given, open_socket=open_socket)
    fields = _fields(answer)
    if answer.status != _OK:
        raise _refusal(answer, fields, [*headers.values(), *(basic or ())[1:], *_assertions(given)])
    kind = fields.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise NotASharingServer(
            f"{answer.origin} issued a token of the type {kind!r:.80}, not a Bearer token."
        )
    return access_token(
        fields.get("access_token"),
        _lifetime(fields.get("expires_in"), answer.origin),
        answer.origin,
        answer.date,
    )


def _basic(client_id: str, secret: str) -> str:
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"  # RFC 6749, section 2.3.1
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _assertions(form: Mapping[str, str]) -> list[str]:
    return [value for name, value in form.items() if name.endswith("assertion")]


def _fields(answer: Answer) -> dict[str, object]:
    try:
        fields = msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        fields = None
    if not isinstance(fields, dict):
        raise NotASharingServer(
            f"{answer.origin}, where this client signs in, answered HTTP {answer.status} with something that "
            "is not a token endpoint's message. Check the tokenEndpoint in the profile."
        )
    return fields


def _refusal(answer: Answer, fields: dict[str, object], secrets: Sequence[str]) -> SignInRefused:
    words = [fields.get(name) for name in ("error", "error_description")]
    said = ": ".join(_reason(each, secrets) for each in words if isinstance(each, str) and each)
    return SignInRefused(
        f"{answer.origin} refused to issue a token (HTTP {answer.status}){f': {said}' if said else ''}. "
        "Check the client in the profile, or ask those who run this issuer."
    )


def _reason(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:  # which some issuer's words repeat
        text = text.replace(secret.removeprefix("Basic "), "…")
    return printable(text[:_LONGEST_REASON]).rstrip(". ")


def _lifetime(said: object, origin: str) -> float:
    """Lifetime in seconds; some issuers write it as a text. Raises NotASharingServer."""
    if said is None:
        return _DEFAULT_SECONDS
    try:
        if isinstance(said, bool) or not isinstance(said, int | float | str):
            raise ValueError
        seconds = float(said)
    except (ValueError, OverflowError):
        seconds = 0.0
    if not seconds > 0:  # nor NaN
        raise NotASharingServer(f"{origin} issued a token with expires_in {said!r:.80}; it is of no use.")
    return min(seconds, LONGEST_SECONDS)
