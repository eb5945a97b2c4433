"""Kept answers: the bytes of answers that recipients ask for again and again, in bounded memory.

Whether one may be given again is decided by `services.sharing.repeated_calls`, for each request. Here is what
an answer is kept by: all of a request that the routes look at which are `repeatable`. It is hashed, since it
holds a token.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from cachetools import LRUCache
from multidict import CIMultiDict

from model_sharing_protocol.errors import SharingError
from model_sharing_provider.http.authentication import bearer_token
from model_sharing_provider.http.forwarded_headers import client_address
from model_sharing_provider.http.requests import CONTEXT, PRINCIPAL, context_of, provider_of
from model_sharing_provider.services.sharing.repeated_calls import DecidedCall

_KEPT_BYTES = 16 * 2**20
_OVERHEAD_BYTES = 2048


@dataclass(frozen=True, slots=True)
class _KeptAnswer:
    call: DecidedCall
    status: int
    headers: CIMultiDict[str]
    body: bytes | None

    @property
    def size(self) -> int:
        return _OVERHEAD_BYTES + len(self.body or b"")


class KeptAnswers:
    """Kept answers of one process."""

    def __init__(self) -> None:
        self._answers: LRUCache[bytes, _KeptAnswer] = LRUCache(_KEPT_BYTES, lambda kept: kept.size)

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request as before if that is still right, or else by its handler."""
        calls = provider_of(request).repeated_calls
        if calls is None:
            return await handler(request)
        key = _key(request)
        kept = self._answers.get(key)
        if kept is not None:
            try:
                repeated = await calls.repeat(context_of(request).caller, kept.call, bearer_token(request))
            except SharingError:
                request[PRINCIPAL] = kept.call.event.caller.principal  # whom the log line names
                raise
            if repeated:
                request[PRINCIPAL] = kept.call.event.caller.principal
                return web.Response(status=kept.status, headers=kept.headers, body=kept.body)
            self._answers.pop(key, None)  # which another request may have done meanwhile
        with calls.deciding() as deciding:
            response = await handler(request)
        if isinstance(response, web.Response) and isinstance(response.body, bytes | None):
            # Without what `finish_head` adds later, to each response on its own.
            call = calls.decided(deciding, request[CONTEXT])
            if call is not None:
                headers = CIMultiDict(response.headers)
                self._keep(key, _KeptAnswer(call, response.status, headers, response.body))
        return response

    def _keep(self, key: bytes, kept: _KeptAnswer) -> None:
        if kept.size <= self._answers.maxsize:
            self._answers[key] = kept


def _key(request: web.Request) -> bytes:
    """Digest of all of a request that decides the answer of a route that is repeatable.

    Not of its id and its trace, which are in no answer but this request's own; nor of what it accepts, since
    an answer with an ETag is never compressed. A body that is encoded is refused before.
    """
    # None of them has a line break, which HTTP forbids.
    asked = (
        bearer_token(request),
        client_address(request),
        request.raw_path,
        request.headers.get(hdrs.IF_NONE_MATCH, ""),
    )
    return hashlib.sha256("\n".join(asked).encode(errors="surrogateescape")).digest()


KEPT_ANSWERS: web.AppKey[KeptAnswers] = web.AppKey("kept_answers", KeptAnswers)
