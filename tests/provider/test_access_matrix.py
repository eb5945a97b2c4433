"""Every route of the recipients' face, asked by everyone who should not get an answer.

The routes are read off the application: one that is added without being listed here fails the first test.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from yarl import URL

from model_sharing_protocol.names import SharedName
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_protocol.terms import terms_digest
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.secrets import new_token
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.services.sharing.recipient_view import RecipientView
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import recipient_context
from support.skill_folder import write_skill

MODEL = "/shares/{share}/schemas/{schema}/models/{model}"
VOLUME = "/shares/{share}/schemas/{schema}/volumes/{volume}"
SKILL = "/shares/{share}/schemas/{schema}/skills/{skill}"
TABLE = "/shares/{share}/schemas/{schema}/tables/{table}"
ROUTES = {
    ("GET", "/keys"),
    ("GET", "/shares"),
    ("GET", "/shares/{share}"),
    ("GET", "/shares/{share}/schemas"),
    ("GET", "/shares/{share}/all-models"),
    ("GET", "/shares/{share}/schemas/{schema}/models"),
    ("GET", MODEL),
    ("GET", MODEL + "/versions"),
    ("GET", MODEL + "/versions/{version}"),
    ("GET", MODEL + "/aliases"),
    ("GET", MODEL + "/aliases/{alias}"),
    ("POST", MODEL + "/versions/{version}/query"),
    ("POST", MODEL + "/aliases/{alias}/query"),
    ("POST", MODEL + "/versions/{version}/temporary-model-version-credentials"),
    ("POST", MODEL + "/versions/{version}/temporary-model-credentials"),
    ("GET", "/shares/{share}/changes"),
    ("GET", "/shares/{share}/all-tables"),
    ("GET", "/shares/{share}/schemas/{schema}/tables"),
    ("GET", "/shares/{share}/all-volumes"),
    ("GET", "/shares/{share}/schemas/{schema}/volumes"),
    ("GET", VOLUME),
    ("POST", VOLUME + "/query"),
    ("POST", VOLUME + "/temporary-volume-credentials"),
    ("GET", "/shares/{share}/all-skills"),
    ("GET", "/shares/{share}/schemas/{schema}/skills"),
    ("GET", SKILL),
    ("POST", SKILL + "/query"),
    ("POST", SKILL + "/temporary-skill-credentials"),
    ("GET", TABLE),
    ("GET", TABLE + "/changes"),
    ("POST", TABLE + "/temporary-table-credentials"),
    ("GET", TABLE + "/version"),
    ("GET", TABLE + "/metadata"),
    ("POST", TABLE + "/query"),
    ("GET", "/shares/{share}/terms"),
    ("POST", "/shares/{share}/terms/{digest}/accept"),
}
OF_EVERY_RECIPIENT = {"/keys", "/shares"}
TERMS = "For evaluation only."
PLACES = {
    "schema": "ml_team",
    "model": "scorer",
    "version": "1",
    "alias": "champion",
    "table": "models",
    "volume": "prompts",
    "skill": "read-pdf",
    "digest": terms_digest("1", TERMS),
}


@dataclass(frozen=True)
class Tokens:
    good: str
    other: str
    expired: str
    revoked: str


@pytest.fixture
def settings(provider_home: Path, tmp_path: Path) -> Settings:
    return Settings(provider_home, external_locations=(tmp_path.as_uri(),))


@pytest.fixture
async def tokens(admin: AdminClient, endpoint: str, tmp_path: Path) -> Tokens:
    """globex may read `acme`; initech has its own share; two others could once."""
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer", "Champion")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "one.txt").write_text("Why?")
    good = await admin.activate(await admin.share("acme", "globex", "prod.ml_team.scorer"), endpoint)
    other = await admin.activate(await admin.share("second", "initech", "prod.ml_team.scorer"), endpoint)
    volume = SharedName(PLACES["schema"], PLACES["volume"])
    await admin.provider.shares.add_volume(admin.context, "acme", (tmp_path / "prompts").as_uri(), volume)
    skill = SharedName(PLACES["schema"], PLACES["skill"])
    location = write_skill(tmp_path / skill.name).as_uri()
    await admin.provider.shares.add_skill(admin.context, "acme", location, skill)
    recipients, permissions = admin.provider.recipients, admin.provider.share_permissions
    held = []
    for name in ("late", "out"):
        _, code = await recipients.create(admin.context, name)
        await permissions.grant(admin.context, "acme", name)
        held.append((await admin.activate(code, endpoint)).bearer_token)
    await recipients.rotate_token(admin.context, "late", existing_expires_in=timedelta(0))
    await permissions.revoke(admin.context, "acme", "out")
    terms, globex = admin.provider.provider_terms, await recipient_context(admin, "globex")
    await terms.set(admin.context, SecurableType.SHARE, "acme", version="1", text=TERMS)
    await admin.provider.recipient_terms.accept(globex, "acme", PLACES["digest"], "ana")
    return Tokens(good.bearer_token, other.bearer_token, held[0], held[1])


def path_of(template: str, share: str = "acme") -> str:
    places = dict(PLACES, share=share)
    if "{table}" in template:
        places["schema"] = "information_schema"
    return template.format(**places)


async def call(endpoint: str, method: str, path: str, token: str | None) -> tuple[int, bytes, str]:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    body = {"acceptedBy": "ana"} if path.endswith("/accept") else None
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, endpoint + path, headers=headers, json=body) as answer,
    ):
        return answer.status, await answer.read(), answer.headers.get("Content-Type", "")


async def test_the_table_of_routes_is_complete(server: TestServer) -> None:
    app = server.app
    assert app is not None
    found: set[tuple[str, str]] = set()
    for resource in app.router.resources():
        for route in resource:
            if route.resource and route.resource.canonical.startswith(PREFIX) and route.method != "HEAD":
                found.add((route.method, route.resource.canonical.removeprefix(PREFIX)))
    assert found == ROUTES


async def test_nobody_else_gets_an_answer(endpoint: str, tokens: Tokens) -> None:
    for method, template in sorted(ROUTES):
        path = path_of(template)
        status, _, _ = await call(endpoint, method, path, tokens.good)
        refused = "temporary" in template or template == TABLE + "/changes"
        assert status == (400 if refused else 200), (method, path)
        for token in (None, "", "garbage", new_token(), tokens.expired):
            status, body, _ = await call(endpoint, method, path, token)
            assert (status, json.loads(body)["errorCode"]) == (401, "UNAUTHENTICATED"), (path, token)
        if template in OF_EVERY_RECIPIENT:
            continue
        for token in (tokens.other, tokens.revoked):
            status, body, _ = await call(endpoint, method, path, token)
            assert (status, json.loads(body)["errorCode"]) == (404, "RESOURCE_DOES_NOT_EXIST"), path


async def test_a_share_of_others_answers_exactly_like_none(endpoint: str, tokens: Tokens) -> None:
    for method, template in sorted(route for route in ROUTES if route[1] not in OF_EVERY_RECIPIENT):
        there = await call(endpoint, method, path_of(template, "acme"), tokens.other)
        absent = await call(endpoint, method, path_of(template, "nope"), tokens.other)
        assert there == (absent[0], absent[1].replace(b"nope", b"acme"), absent[2])


async def test_listings_show_only_what_was_granted(endpoint: str, tokens: Tokens) -> None:
    for token, names in ((tokens.good, ["acme"]), (tokens.other, ["second"]), (tokens.revoked, [])):
        _, body, content_type = await call(endpoint, "GET", "/shares", token)
        assert [share["name"] for share in json.loads(body).get("items", [])] == names
        assert content_type == "application/json; charset=utf-8"
        assert b"\n" not in body


PAYLOADS = [
    *["../" * depth + "etc/passwd" for depth in range(1, 9)],
    *["..\\" * depth + "windows\\win.ini" for depth in range(1, 5)],
    *["/etc/passwd", "C:\\x", "\\\\server\\x", "..", ".", "....//", "..;/", "~root", "file:///etc/passwd"],
    *[
        "\x00",
        "a\x00b",
        "\r\nX: y",
        "\u202e",
        "'",
        '"',
        "' OR 1=1 --",
        "%",
        "%2e%2e",
        "${x}",
        "{0}",
        "*",
        "?",
    ],
    *["x" * 256, "x" * 5000, "\ud7ff", "日本", "#", "&", ";", "<script>", "-1", "0", "1e9", "9" * 30],
]


async def test_no_payload_in_any_place_is_served_or_breaks_the_server(endpoint: str, tokens: Tokens) -> None:
    """Over 200 requests: each is a client's error."""
    tried = 0
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {tokens.good}"}) as session:
        template = MODEL + "/versions/{version}/query"
        for place in ("share", "schema", "model", "version"):
            for payload in PAYLOADS:
                for written in (quote(payload, safe=""), quote(quote(payload, safe=""), safe="")):
                    values = {"share": "acme", **PLACES, place: written}
                    url = f"{endpoint}{template.format(**values)}"
                    async with session.post(URL(url, encoded=True)) as answer:
                        assert 400 <= answer.status < 500, url
                    tried += 1
    assert tried > 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "RESOURCE_DOES_NOT_EXIST"),
        ("DELETE", "/shares", 405, "UNSUPPORTED_OPERATION"),
        ("GET", "/shares?maxResults=-1", 400, "INVALID_PARAMETER_VALUE"),
        ("GET", "/shares?pageToken=x", 400, "INVALID_PARAMETER_VALUE"),
        ("GET", "/shares/acme/schemas/nope/models", 404, "RESOURCE_DOES_NOT_EXIST"),
        ("GET", "/shares/acme/schemas/ml_team/models/scorer/versions/2", 404, "RESOURCE_DOES_NOT_EXIST"),
        ("GET", "/shares/acme/schemas/ml_team/models/scorer/aliases/x", 404, "RESOURCE_DOES_NOT_EXIST"),
    ],
)
async def test_errors_have_one_shape(
    endpoint: str, tokens: Tokens, method: str, path: str, status: int, code: str
) -> None:
    answered, body, content_type = await call(endpoint, method, path, tokens.good)
    assert (answered, content_type) == (status, "application/json; charset=utf-8")
    assert json.loads(body).keys() == {"errorCode", "message"}
    assert json.loads(body)["errorCode"] == code
    assert json.loads(body)["message"]


async def test_an_internal_error_says_nothing_to_the_outside(
    endpoint: str, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(RecipientView, "get_share", broken)
    status, body, _ = await call(endpoint, "GET", "/shares/acme", tokens.good)
    assert (status, json.loads(body)) == (500, {"errorCode": "INTERNAL_ERROR", "message": ""})


async def test_names_are_compared_without_case(endpoint: str, tokens: Tokens) -> None:
    path = "/shares/ACME/schemas/ML_Team/models/Scorer/aliases/CHAMPION"
    status, body, _ = await call(endpoint, "GET", path, tokens.good)
    assert (status, json.loads(body)["version"]) == (200, 1)


async def test_a_token_of_one_listing_is_refused_by_another(
    admin: AdminClient, endpoint: str, tokens: Tokens, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m2"), "prod.ml_team.scorer")
    versions = "/shares/acme/schemas/ml_team/models/scorer/versions"
    _, body, _ = await call(endpoint, "GET", f"{versions}?maxResults=1", tokens.good)
    first = json.loads(body)
    _, body, _ = await call(endpoint, "GET", f"{versions}?pageToken={first['nextPageToken']}", tokens.good)
    assert [item["version"] for item in first["items"] + json.loads(body)["items"]] == [1, 2]
    for other in ("/shares", "/shares/acme/all-models", "/shares/acme/schemas"):
        status, _, _ = await call(endpoint, "GET", f"{other}?pageToken={first['nextPageToken']}", tokens.good)
        assert status == 400
