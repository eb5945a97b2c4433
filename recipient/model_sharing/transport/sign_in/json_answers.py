"""JSON answers of services that give identity tokens: one text of them, or the reason of a refusal."""

from __future__ import annotations

import msgspec

from model_sharing.transport.sign_in.bounded_request import Answer
from model_sharing_protocol.errors import NotASharingServer, SignInRefused

_OK = 200


def text_of(answer: Answer, name: str) -> str:
    """Text of the field `name`. Raises SignInRefused for a status but 200, else NotASharingServer."""
    if answer.status != _OK:
        raise refused(answer)
    try:
        fields = msgspec.json.decode(answer.body, type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        fields = {}
    value = fields.get(name)
    if not isinstance(value, str):
        raise NotASharingServer(f"{answer.origin}, where this client signs in, answered without a token.")
    return value


def refused(answer: Answer) -> SignInRefused:
    """Error for a service that gives no identity token. Its words are not shown: they may repeat a secret."""
    return SignInRefused(
        f"{answer.origin} gives this machine or job no identity token (HTTP {answer.status}). Check that it "
        "has an identity, and the audience in the profile."
    )
