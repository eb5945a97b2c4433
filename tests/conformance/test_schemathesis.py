"""Schemathesis makes requests of our own descriptions, right ones and wrong ones, and checks every answer.

No answer is a fault of the server, and each has a status, a media type and a body that its description
knows. The server is a process of its own with something in it, put back before each operation.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.faces.table import APIS
from model_sharing_provider.http.openapi import document
from model_sharing_provider.http.routes import Face
from support.admin_client import AdminClient
from support.seeded_provider import copy_database, known, seed

PROGRAM = str(Path(sys.executable).parent / "model-sharing-provider")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@dataclass(frozen=True, slots=True)
class Served:
    home: Path
    url: str
    recipient: str
    administrator: str

    def token_for(self, path: str) -> str:
        of_recipients = path.startswith(("/delta-sharing", "/hf/{share}"))
        return self.recipient if of_recipients else self.administrator


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("provider")
    token = asyncio.run(open_and_seed(home, tmp_path_factory.mktemp("model") / "m"))
    shutil.copytree(home / "artifacts", home / "artifacts.kept")
    copy_database(home / "metastore.db", home / "kept.db")
    environment = {**os.environ, "MODEL_SHARING_PROVIDER_HOME": str(home)}
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [PROGRAM, "serve", "--port", "0"], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        while not (home / "server.url").exists():
            assert server.poll() is None, (home / "log").read_text()
            time.sleep(0.05)
        yield Served(home, (home / "server.url").read_text(), token, (home / "admin.token").read_text())
    finally:
        server.kill()
        server.wait()


async def open_and_seed(home: Path, folder: Path) -> str:
    async with open_provider(Settings(home)) as provider:
        return await seed(AdminClient.of(provider), folder)


@pytest.fixture
def seeded(served: Served) -> Served:
    """The server with all that was in it at first, whatever the last operation did to it."""
    shutil.copytree(served.home / "artifacts.kept", served.home / "artifacts", dirs_exist_ok=True)
    copy_database(served.home / "kept.db", served.home / "metastore.db")
    return served


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as kept_alive:
        yield kept_alive


def with_known_values(face: Face) -> dict[str, Any]:
    """The description that is served, asking for what is there where it says what may be asked for."""
    whole: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document(face, APIS)))
    schemas = whole["components"]["schemas"]
    for path, operations in whole["paths"].items():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                parameter["schema"] = asked(parameter["name"], parameter["schema"], path, schemas)
            for content in operation.get("requestBody", {}).get("content", {}).values():
                content["schema"] = asked("", content["schema"], path, schemas)
    return whole


def asked(name: str, schema: dict[str, Any], path: str, schemas: dict[str, Any]) -> dict[str, Any]:
    """A schema without references, with what is there in place of all that may be."""
    if there := known(name, path):
        return {"enum": there}
    if "$ref" in schema:
        return asked("", schemas[schema["$ref"].rpartition("/")[2]], path, schemas)
    changed = dict(schema)
    if "anyOf" in schema:
        changed["anyOf"] = [asked("", choice, path, schemas) for choice in schema["anyOf"]]
    if "items" in schema:
        changed["items"] = asked("", schema["items"], path, schemas)
    if "properties" in schema:
        fields = schema["properties"].items()
        changed["properties"] = {field: asked(field, of, path, schemas) for field, of in fields}
    return changed


def described(face: Face) -> schemathesis.BaseSchema:
    configuration = schemathesis.Config.from_dict(
        {
            "generation": {"deterministic": True, "max-examples": 6, "with-security-parameters": False},
            "phases": {"coverage": {"generate-duplicate-query-parameters": True, "unexpected-methods": []}},
        }
    )
    return schemathesis.openapi.from_dict(with_known_values(face), config=configuration)


@schemathesis.pytest.parametrize(
    **{face.name.replace("-", "_"): described(face) for face in APIS if face.title}
)
@settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_every_answer_is_described(
    case: schemathesis.Case[Any], seeded: Served, session: requests.Session
) -> None:
    token = seeded.token_for(case.operation.path)
    case.call_and_validate(
        base_url=seeded.url,
        session=session,
        headers={"Authorization": f"Bearer {token}"},
        checks=CHECKS,
    )
