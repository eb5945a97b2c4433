"""Authorization code flow with an issuer that plays its part or misbehaves as told, and with browsers.

browser = await flow.begin(explorer)
page = await browser.come_back()
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Outcome
from model_sharing_provider.domain.federation import NewFederationPolicy
from model_sharing_provider.domain.principals import PrincipalType
from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient, ExplorerPage
from support.hostile_issuer import CONFIGURATION, KEYS, SUBJECT, HostileIssuer
from support.processes.provider import LOOPBACK

CLIENT, SECRET = "explorer", "a secret & its client's"
PUBLIC = "http://127.0.0.1:8642"
CODE = "a-code-of-the-issuer"
PENDING, SESSION = "model-sharing-sign-in", "model-sharing"
BEGIN, CALLBACK = "/explorer/sign-in/begin", "/explorer/sign-in/callback"
AUTHORIZE, TOKEN = "/authorize", "/token"


@dataclass
class CodeFlow:
    """Flow at an issuer: `claims` are changed in its next ID token, or `token` makes it as a whole.

    `forms` and `headers` arrived at its token endpoint. `configuration` is added to its discovery document.
    """

    issuer: HostileIssuer
    claims: dict[str, Any] = field(default_factory=dict)
    token: Callable[[HostileIssuer, dict[str, Any]], Any] | None = None
    configuration: dict[str, Any] = field(default_factory=dict)
    forms: list[dict[str, str]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    nonce: str = ""
    challenge: str = ""

    async def start(self, run: Callable[[web.Application], Awaitable[TestServer]]) -> None:
        await self.issuer.start(run)
        self.issuer.answers[CONFIGURATION] = self._configure
        self.issuer.answers[TOKEN] = self._exchange

    async def begin(self, browser: ExplorerClient, wanted: str = "", **headers: str) -> Way:
        """Begin a sign-in in a browser, which is sent to the issuer."""
        path = f"{BEGIN}?{urlencode({'next': wanted})}"
        url = browser.base.join(URL(path, encoded=True))
        async with browser.session.get(url, headers=headers, allow_redirects=False) as answer:
            assert answer.status == 303, await answer.text()
            there = URL(answer.headers["Location"])
        self.nonce, self.challenge = there.query.get("nonce", ""), there.query.get("code_challenge", "")
        return Way(browser, self.issuer.url, there)

    async def _configure(self, _request: web.Request) -> web.Response:
        url = self.issuer.url
        found = {"issuer": url, "jwks_uri": url + KEYS, "authorization_endpoint": url + AUTHORIZE}
        return web.json_response(found | {"token_endpoint": url + TOKEN} | self.configuration)

    async def _exchange(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        self.headers.append(request.headers.get("Authorization", ""))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != self.challenge or form["code"] != CODE:
            return web.json_response({"error": "invalid_grant"}, status=400)
        claims = {"aud": CLIENT, "nonce": self.nonce, **self.claims}
        token = self.issuer.token(**claims) if self.token is None else self.token(self.issuer, claims)
        return web.json_response({"access_token": "opaque", "token_type": "Bearer", "id_token": token})


@dataclass(frozen=True, slots=True)
class Way:
    """Browser that was sent to the URL `there` of an issuer."""

    browser: ExplorerClient
    issuer: str
    there: URL

    @property
    def pending(self) -> str:
        """Cookie of the sign-in in progress."""
        return self.browser.session.cookie_jar.filter_cookies(self.browser.base)[PENDING].value

    @property
    def answer(self) -> list[tuple[str, str]]:
        """Answer of an issuer that let the person in."""
        return [("code", CODE), ("state", self.there.query["state"]), ("iss", self.issuer)]

    async def come_back(
        self, answer: list[tuple[str, str]] | None = None, browser: ExplorerClient | None = None
    ) -> ExplorerPage:
        """Follow the issuer's redirect to the callback, as a page of another site asks for it."""
        query = urlencode(self.answer if answer is None else answer)
        opened = browser or self.browser
        return await opened.open(f"{CALLBACK}?{query}&encoded=%20", **{"Sec-Fetch-Site": "cross-site"})


def settings_with(flow: CodeFlow, settings: Settings, folder: Path) -> Settings:
    """Settings of a provider whose people sign in at the flow's issuer; its secret there is in `folder`."""
    secret = folder / "client-secret"
    secret.write_text(SECRET)
    return replace(
        settings,
        public_url=PUBLIC,
        allowed_issuer_networks=LOOPBACK,
        sign_in_issuer=flow.issuer.url,
        sign_in_client_id=CLIENT,
        sign_in_client_secret_file=secret,
        sign_in_name="Globex",
    )


async def let_in(admin: AdminClient, flow: CodeFlow, name: str = "ana") -> None:
    """Create a user, and the policy `people` that lets the flow's person in as that user."""
    await admin.provider.principals.create(admin.context, name, PrincipalType.USER)
    await admin.provider.principal_policies.create(admin.context, name, policy_of(flow), "people")


def policy_of(flow: CodeFlow) -> NewFederationPolicy:
    return NewFederationPolicy(
        issuer=flow.issuer.url, subject_claim="sub", subject=SUBJECT, audiences=(CLIENT, "another")
    )


async def refusals(admin: AdminClient) -> list[str]:
    """Reasons of failed sign-ins in the audit log, in which no other is."""
    events = await admin.provider.audit.latest(admin.context, 100)
    signing_in = [event for event in events if event.action is AuditAction.SIGN_IN]
    assert not [event for event in signing_in if event.outcome is Outcome.OK]
    return [event.reason for event in signing_in]


async def check_refused(page: ExplorerPage, admin: AdminClient, status: int = 401) -> None:
    """Nobody was signed in: the page says why, as the audit log does, and has no code, token or secret."""
    assert (page.status, page.title) == (status, "You are not signed in")
    told = page.soup.select_one("[role=alert]").get_text()  # type: ignore[union-attr]
    assert await refusals(admin) == [told]
    assert not signed_in(page.client)
    assert not [secret for secret in (CODE, SECRET, "eyJ") if secret in str(page.soup)]
    assert page.soup.find("a", string="Sign in again")


def signed_in(browser: ExplorerClient) -> bool:
    """True for a browser that has got a session's cookie."""
    return SESSION in browser.session.cookie_jar.filter_cookies(browser.base)


def keep(browser: ExplorerClient, pending: str) -> None:
    """Put a cookie of a sign-in in progress into a browser."""
    browser.session.cookie_jar.update_cookies({PENDING: pending}, browser.base)
