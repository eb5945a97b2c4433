"""A recipient that asks a server again and again, which keeps its answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDictProxy

from model_sharing_protocol.names import FullName
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent, Outcome
from model_sharing_provider.services.sharing.recipient_view import RecipientView
from support.admin_client import AdminClient
from support.model_folder import write_model

NAME = FullName.parse("prod.ml_team.scorer")
CHAMPION = "/shares/acme/schemas/ml_team/models/scorer/aliases/champion"
RESOLVED = AuditAction.DELTA_SHARING_GET_MODEL_VERSION_BY_ALIAS


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: CIMultiDictProxy[str]

    @property
    def version(self) -> int:
        assert self.status == 200, self.body
        found: int = json.loads(self.body)["version"]
        return found


@dataclass
class Globex:
    """A recipient at one server, which keeps the answer to what it asks."""

    admin: AdminClient
    endpoint: str
    token: str
    session: aiohttp.ClientSession
    decided: list[str]

    async def ask(self, path: str = CHAMPION, method: str = "GET", **headers: str) -> Answer:
        given = {"Authorization": f"Bearer {self.token}"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, self.endpoint + path, headers=given) as answer:
            return Answer(answer.status, await answer.read(), answer.headers)

    async def events(self, outcome: Outcome = Outcome.OK) -> list[AuditEvent]:
        found = await self.admin.provider.audit.latest(self.admin.context, 100, action=RESOLVED)
        return [event for event in found if event.outcome == outcome]


@asynccontextmanager
async def asking(
    admin: AdminClient, endpoint: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Globex]:
    """Two versions of one model are shared with globex; Champion is the first, and its answer is kept.

    The time stands still for signatures, which are issued anew each half minute.
    """
    now = now_ms()
    monkeypatch.setattr("model_sharing_provider.services.sharing.signing.now_ms", lambda: now)
    await admin.register(write_model(folder / "one"), str(NAME), "Champion")
    await admin.register(write_model(folder / "two", {"model.pkl": b"better"}), str(NAME))
    profile = await admin.activate(await admin.share("acme", "globex", str(NAME)), endpoint)
    decided: list[str] = []
    resolve = RecipientView.resolve_alias

    async def noted(view: RecipientView, *given: Any, **how: Any) -> Any:
        decided.append("decided")
        return await resolve(view, *given, **how)

    monkeypatch.setattr(RecipientView, "resolve_alias", noted)
    async with aiohttp.ClientSession() as session:
        globex = Globex(admin, endpoint, profile.bearer_token, session, decided)
        for _ in range(2):
            assert (await globex.ask()).version == 1
        assert len(decided) == 1, "the second answer was kept"
        yield globex
