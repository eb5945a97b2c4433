"""A provider seeded with one of each thing, the names of what is there, and a way back to that state."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from model_sharing_protocol.names import FullName
from model_sharing_protocol.terms import terms_digest
from model_sharing_provider.domain.federation import NewFederationPolicy
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.services.registry.tags import TagChange
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import recipient_context

MODEL = FullName.parse("prod.ml.scorer")
# An address that no connection is tried to: its shares are asked for often.
VENDOR = '{"shareCredentialsVersion": 1, "endpoint": "http://..", "bearerToken": "t"}'
TERMS = "For evaluation only."
_KNOWN: dict[str, list[str | int]] = {
    "account": ["acme"],
    "alias": ["champion"],
    "application_id": ["admin"],
    "alias_name": ["champion"],
    "catalog": ["prod"],
    "catalog_name": ["prod"],
    "digest": [terms_digest("1.0", TERMS)],
    "destination": ["prod.ml.copied"],
    "entity_name": [str(MODEL), f"{MODEL}/1"],
    "entity_type": ["models", "modelversions"],
    "filter": [f"name='{MODEL}'", "run_id='r'"],
    "full_name": [str(MODEL)],
    "id": ["6a7f1c0e-0000-4000-8000-000000000000"],  # nobody's: those of principals are made up anew
    "issuer": ["https://issuer.example"],
    "key": ["stage"],
    "model": ["scorer"],
    "model_name": ["scorer"],
    "name": [str(MODEL)],
    "operation": ["READ_MODEL_VERSION", "READ_WRITE_MODEL_VERSION"],
    "path": ["MLmodel", "/Models/prod/ml/scorer/2/MLmodel"],
    "policy": ["jobs"],
    "recipient_profile_str": [VENDOR],
    "revision": ["main", "1", "champion"],
    "schema": ["ml", "information_schema"],
    "schema_name": ["ml"],
    "share": ["acme"],
    "source": [f"models:/{MODEL}/1"],
    "table": ["models"],
    "tag_key": ["stage"],
    "type": ["models", "modelversions", "catalog", "schema", "share", "metastore"],
    "version": [1, 2],
    "skill": ["read-pdf"],
    "volume": ["prompts"],
    "version_num": [1, 2],
}
"""Values of what is there, by the names that messages and parameters have."""
_KNOWN_BY_PLACE: dict[tuple[str, str], list[str | int]] = {
    ("/catalogs", "name"): ["prod", "another"],
    ("/schemas", "name"): ["ml", "another"],
    ("/schemas", "full_name"): ["prod.ml"],
    ("/unity-catalog/models", "name"): ["scorer", "another"],
    ("/shares", "name"): ["acme", str(MODEL), "another"],
    ("/data-sharing/recipients", "name"): ["hooli"],
    ("/recipients", "name"): ["globex", "another"],
    ("/providers", "name"): ["vendor", "another"],
    ("/tags", "name"): [str(MODEL), f"{MODEL}/1"],
    ("permissions/", "name"): [str(MODEL), "prod.ml", "prod", "acme"],
    ("/hf/{share}", "namespace"): ["ml"],
    ("/hf/", "namespace"): ["prod.ml"],
    ("/hf/", "name"): ["scorer"],
    ("/hf/", "path"): ["MLmodel"],
    ("/hf/", "paths"): ["MLmodel"],
    ("/hf/", "filter"): ["mlflow"],
}
"""Where the same name means something else."""


def known(name: str, path: str) -> list[str | int]:
    """Seeded value for the name of a field or parameter of the route; nothing if it names no such thing."""
    for (place, by_name), values in _KNOWN_BY_PLACE.items():
        if place in path and by_name == name:
            return values
    return _KNOWN.get(name, [])


async def seed(admin: AdminClient, folder: Path) -> str:
    """A model with a READY version and a PENDING one, tagged, shared and granted, and a provider who shares.

    The share has terms, which its recipient accepted.

    Gives the recipient's token.
    """
    provider = admin.provider
    await admin.register(write_model(folder), str(MODEL), "champion")
    await provider.uploads.create(admin.context, MODEL, NewVersion())
    await provider.models.tag(admin.context, MODEL, TagChange(add={"stage": "test"}))
    await provider.versions.tag(admin.context, MODEL, 1, TagChange(add={"stage": "test"}))
    await provider.providers.create(admin.context, "vendor", VENDOR)
    code = await admin.share("acme", "globex", str(MODEL))
    await provider.recipients.create_federated(admin.context, "hooli")
    jobs = NewFederationPolicy(
        issuer="https://issuer.example", subject_claim="sub", subject="jobs", audiences=("models",)
    )
    await provider.federation_policies.create(admin.context, "hooli", jobs, "jobs")
    terms = await provider.provider_terms.set(
        admin.context, SecurableType.SHARE, "acme", version="1.0", text=TERMS
    )
    globex = await recipient_context(admin, "globex")
    await provider.recipient_terms.accept(globex, "acme", terms.digest, "ana")
    return (await admin.activate(code, "http://127.0.0.1")).bearer_token


def known_path(path: str) -> str:
    """A route's path with its places filled in by what is there."""
    return re.sub(r"\{(\w+)\}", lambda place: quote(str(known(place[1], path)[0]), safe=""), path)


def copy_database(source: Path, target: Path) -> None:
    """The whole database, even while a server has either open."""
    with closing(sqlite3.connect(source)) as rows, closing(sqlite3.connect(target)) as copy:
        rows.backup(copy)
