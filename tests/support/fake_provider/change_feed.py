"""Change feed of the fake provider: it tells what the test says, at once to those who wait."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from model_sharing_protocol.open_sharing import SIGNATURE_HEADER
from model_sharing_protocol.signatures import SignedChanges, sign_changes
from support.fake_provider.models import SHARE
from support.fake_provider.server import Handler


@dataclass
class FakeFeed:
    """Feed whose tokens are `<start>-<number of changes>`; those of another start have expired.

    `edit` changes the body after it was signed, `ago` is for how many seconds it has been signed.
    """

    start: str = "a"
    changes: list[dict[str, Any]] = field(default_factory=list)
    ago: float = 0
    signs: bool = True
    waits: bool = True
    asked: list[str] = field(default_factory=list)
    edit: Any = None
    _changed: threading.Condition = field(default_factory=threading.Condition, repr=False)

    def tell(self, kind: str, model: str = "", **more: object) -> None:
        """Add a change."""
        change = {"kind": kind, "at": 1_700_000_000_000, **more} | ({"model": model} if model else {})
        with self._changed:
            self.changes.append(change)
            self._changed.notify_all()

    def begin_again(self, start: str) -> None:
        """Forget all, as after a restore."""
        with self._changed:
            self.start, self.changes = start, []
            self._changed.notify_all()

    def __call__(self, handler: Handler) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(handler.path).query).items()}
        since = query.get("since", "")
        with self._changed:
            self.asked.append(since)
            known = int(since.removeprefix(f"{self.start}-")) if since.startswith(f"{self.start}-") else None
            if since and known is not None and self.waits:
                start, wait = self.start, float(query.get("wait", "0"))
                self._changed.wait_for(lambda: len(self.changes) > known or self.start != start, wait)
            if since and not since.startswith(f"{self.start}-"):
                handler.send_error_answer(410, "FEED_TOKEN_EXPIRED", "List the share again.")
                return
            told = self.changes[known:] if known is not None else []
            body = json.dumps({"changes": told, "token": f"{self.start}-{len(self.changes)}"}).encode()
        self._send(handler, since, body)

    def _send(self, handler: Handler, since: str, body: bytes) -> None:
        issued_at = int((time.time() - self.ago) * 1000)
        signed = SignedChanges(SHARE, since, sha256(body).hexdigest(), issued_at)
        envelope = msgspec.json.encode(sign_changes(handler.fake.key, signed)).decode()
        headers = {SIGNATURE_HEADER: envelope} if self.signs else {}
        handler.send(200, self.edit(body) if self.edit else body, **headers)
