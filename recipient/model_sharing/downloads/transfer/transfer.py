"""Transfer of one range of a file into its target, through cuts, stalls and expired URLs."""

from __future__ import annotations

import http.client
import math
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import msgspec

from model_sharing.downloads.transfer.connections import Connections
from model_sharing.downloads.transfer.file_urls import FileUrls
from model_sharing.transport import bounds
from model_sharing.transport.network_errors import is_transient, request_suffix, retry_after
from model_sharing.transport.retries import Retries
from model_sharing_protocol.errors import (
    CorruptArtifact,
    InvalidState,
    NotASharingServer,
    PermissionDenied,
    ServerUnreachable,
    TooManyRequests,
)
from model_sharing_protocol.manifest import ManifestFile
from model_sharing_protocol.open_sharing import ErrorAnswer
from model_sharing_protocol.printable import printable

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})")
_EXPIRED = frozenset({401, 403, 404, 410})
_JSON = "application/json"


class Resumable(Protocol):
    """Transfer that advances as bytes arrive."""

    @property
    def position(self) -> int:
        """Offset that it has reached."""


class Target(Resumable, Protocol):
    """Target of a transfer: `position` is the next byte wanted, `end` one past the last."""

    @property
    def end(self) -> int:
        """Offset one past the last byte wanted."""

    def accept(self, data: memoryview) -> None:
        """Take the bytes that come next."""

    def restart(self) -> None:
        """Begin again, since the server sends the file from its start only, or raise RangesIgnored."""


class RangesIgnored(Exception):
    """Range request answered with the whole file."""


class TransferFailure(Exception):
    """Failure of a connection, or of a busy server, that is worth another try.

    `retry_after` is in how many seconds, if the server says; what is `brief` is gone soon or not at all.
    `limit` are the server's words about a limit that was reached.
    """

    def __init__(
        self, reason: str, retry_after: float | None = None, *, brief: bool = False, limit: str = ""
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.limit = limit
        self.brief = brief


class _TooSlow(TransferFailure):
    """Failure of a response that was too slow again and again: not as a line that may be up again soon."""


class Transfer:
    """Transfers by the threads of one download: shared connections, shared URLs.

    `etags` are for files that have no digest, and may be replaced while they are fetched: what each answer
    has to have, by the file's key; empty where that is not known.
    """

    def __init__(
        self, connections: Connections, urls: FileUrls, etags: Mapping[str, str] | None = None
    ) -> None:
        self._connections = connections
        self._urls = urls
        self._etags = etags

    def is_encrypted(self, file: ManifestFile) -> bool:
        """True if the file comes over TLS."""
        url, _ = self._urls.get(file.sha256)
        return url.startswith("https:")

    def run(self, file: ManifestFile, target: Target, *, brief: bool = False) -> None:
        """Fill `target` with the bytes of `file`; `brief`, as for `retry`.

        Goes on from the last byte after a broken connection, and asks for fresh URLs when one is refused.
        Raises ServerUnreachable when nothing more arrives, TooManyRequests for a limit of the provider that
        lasts longer than is waited, PermissionDenied when a fresh URL is refused, CorruptArtifact when the
        file is of another size than the manifest says, InvalidState when it is known to have been replaced.
        """
        what = repr(file.path)
        self.retry(target, what, lambda state: self._attempt(file, target, state), brief=brief)

    def retry(
        self, target: Resumable, what: str, attempt: Callable[[RetryState], None], *, brief: bool = False
    ) -> None:
        """Attempt until it succeeds, as long as `target` advances; `brief`, if there is another way.

        Raises as `run` does.
        """
        state = RetryState(target, Retries(self._connections.retry_for), brief=brief)
        while True:
            try:
                return attempt(state)
            except TransferFailure as error:
                self._connections.check()
                pause = state.next_pause(error)
                if pause is None and error.limit:
                    raise TooManyRequests(error.limit, math.ceil(error.retry_after or 1)) from error
                if pause is None:
                    raise ServerUnreachable(
                        f"The transfer of {what} broke off {state.failures} times: {error}. "
                        "Run the same again: it goes on where it stopped."
                    ) from error
                self._connections.notices.log(f"{what}: {error}", pause)
            self._connections.pause(pause)

    @contextmanager
    def open_response(
        self, key: str, what: str, state: RetryState, ask: Callable[[str], http.client.HTTPResponse]
    ) -> Iterator[http.client.HTTPResponse]:
        """Open the response at the URL under `key`, to be read to its end in the block.

        Raises TransferFailure for whatever is worth another attempt, and PermissionDenied if a fresh URL is
        refused.
        """
        url, generation = self._urls.get(key)
        complete = False
        try:
            # The last response on a connection has that to itself: closing the connection does not end it.
            with ask(url) as response:
                if response.status in _EXPIRED:
                    self._renew(what, generation, state)
                    raise TransferFailure("its address had expired")
                if is_transient(response.status):
                    reason = f"the server answered HTTP {response.status}{request_suffix(response.headers)}"
                    limit = _limit_reached(response)
                    raise TransferFailure(limit or reason, retry_after(response.headers), limit=limit)
                yield response
                complete = True
        except ssl.SSLCertVerificationError as error:
            raise ServerUnreachable(
                f"The server that {what} is at cannot be reached safely: its TLS certificate was not "
                "accepted. If it has an authority of its own, name its certificate in SSL_CERT_FILE."
            ) from error
        except bounds.TooSlow as error:
            raise _TooSlow("hardly anything arrived for too long") from error
        except (OSError, http.client.HTTPException) as error:
            raise TransferFailure(_describe(error), brief=isinstance(error, socket.gaierror)) from error
        finally:
            if not complete:
                self._connections.drop()

    def _renew(self, what: str, generation: int, state: RetryState) -> None:
        if state.refused_before():
            raise PermissionDenied(f"The provider refuses {what}, although it has just issued its URL.")
        self._urls.expired(generation)
        state.was_renewed()

    def _attempt(self, file: ManifestFile, target: Target, state: RetryState) -> None:
        def ask(url: str) -> http.client.HTTPResponse:
            return self._connections.get(url, target.position, target.end, file.size)

        with self.open_response(file.sha256, f"the file {file.path!r}", state, ask) as response:
            if self._etags is not None:
                _check_not_replaced(response, file, self._etags[file.sha256])
            _check_response(response, file, target)
            self._receive(response, file, target)

    def _receive(self, response: http.client.HTTPResponse, file: ManifestFile, target: Target) -> None:
        buffer = self._connections.buffer()
        while (wanted := target.end - target.position) > 0:
            count = self._connections.receive(response, buffer[: min(wanted, len(buffer))])
            if count == 0:
                raise TransferFailure("the connection ended early")
            target.accept(buffer[:count])
        # Nothing is left but, perhaps, the end of a chunked body.
        if not response.isclosed() and self._connections.receive(response, buffer[:1]):
            raise CorruptArtifact(f"The provider sends more than the {file.size} bytes of {file.path!r}.")


class RetryState:
    """Retry state of one transfer: it goes on after a failure as long as there is progress.

    A few bytes are no progress, or else one a failure would hold the recipient for ever.
    """

    def __init__(self, target: Resumable, retries: Retries, *, brief: bool = False) -> None:
        self._target = target
        self._retries = retries
        self._brief = brief
        self._position = target.position
        self._since_progress = 0
        self._slow_since_progress = 0
        self._refused_at: int | None = None
        self.failures = 0

    def next_pause(self, error: TransferFailure) -> float | None:
        """Seconds until the next attempt, 0 after the first failure; None if there is to be none."""
        self.failures += 1
        if self._moved():
            self._since_progress = self._slow_since_progress = 0
            self._retries.reset()
        self._since_progress += 1
        self._slow_since_progress += isinstance(error, _TooSlow)
        if (
            self._slow_since_progress >= bounds.SLOW_RESPONSES_WITHOUT_PROGRESS
            or self.failures >= bounds.FAILURES_IN_ALL
        ):
            return None
        pause = self._retries.next_wait(error.retry_after, brief=self._brief or error.brief)
        at_once = self._since_progress == 1 and not error.retry_after
        return 0.0 if at_once and pause is not None else pause

    def refused_before(self) -> bool:
        """True if the last refusal brought fresh URLs and nothing came since."""
        before, self._refused_at = self._refused_at, self._target.position
        return before == self._target.position

    def was_renewed(self) -> None:
        """Count the wait from now on: the provider answered, however long it took, and a URL is fresh."""
        self._retries.reset()

    def _moved(self) -> bool:
        moved = self._target.position - self._position >= bounds.WINDOW_BYTES
        if moved:
            self._position = self._target.position
        return moved


def _limit_reached(response: http.client.HTTPResponse) -> str:
    """Provider's words about a limit that was reached; empty for any other answer."""
    if response.status != http.HTTPStatus.TOO_MANY_REQUESTS:
        return ""
    try:
        answer = msgspec.json.decode(response.read(bounds.ERROR_BYTES), type=ErrorAnswer)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return ""
    return printable(answer.message)


def _check_response(response: http.client.HTTPResponse, file: ManifestFile, target: Target) -> None:
    """Raise unless the response's body starts at the target's position (after `restart`, at 0)."""
    if response.status not in (200, 206) or response.getheader("Content-Encoding", "identity") != "identity":
        raise NotASharingServer(
            f"The address of the file {file.path!r} gave an unexpected answer (HTTP {response.status})."
        )
    if response.status == 206:
        _check_range(response, file, target)
        return
    if response.length is not None and response.length != file.size:
        raise _wrong_size(file, response.length)
    if (target.position, target.end) != (0, file.size):
        target.restart()


def _check_not_replaced(response: http.client.HTTPResponse, file: ManifestFile, etag: str) -> None:
    """Raise InvalidState if the provider says that a file is another one by now, or if its etag does."""
    is_refused = response.status == 400 and response.getheader("Content-Type", "").startswith(_JSON)
    found = (response.getheader("ETag") or etag).removeprefix("W/").strip('"')
    if is_refused or (etag and response.status in (200, 206) and found != etag):
        raise InvalidState(
            f"The file {file.path!r} was replaced or removed since it was listed. Run the same again: what "
            "is here already is not fetched again."
        )


def _check_range(response: http.client.HTTPResponse, file: ManifestFile, target: Target) -> None:
    found = _CONTENT_RANGE.fullmatch(response.getheader("Content-Range", ""))
    if found is None:
        raise NotASharingServer(
            f"The address of the file {file.path!r} answered with a range it does not name."
        )
    first, last, size = (int(number) for number in found.groups())
    if size != file.size:
        raise _wrong_size(file, size)
    if (first, last) != (target.position, target.end - 1) or response.length not in (None, last - first + 1):
        raise NotASharingServer(
            f"The address of the file {file.path!r} answered with another range than asked."
        )


def _wrong_size(file: ManifestFile, size: int) -> CorruptArtifact:
    return CorruptArtifact(
        f"The provider sends {size} bytes as {file.path!r}; its manifest says {file.size}. "
        "Try again; if it stays, tell the provider."
    )


def _describe(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "nothing arrived for too long"
    if isinstance(error, OSError):
        return error.strerror or "the connection failed"
    return "the server did not speak HTTP"
