"""Arguments of the operations in the privilege matrix, and what has to be there before they are called."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pyarrow as pa
import pyarrow.parquet as pq

from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.artifacts.fingerprints import Fingerprint
from model_sharing_provider.artifacts.store import Advance
from model_sharing_provider.domain.federation import NewFederationPolicy
from model_sharing_provider.domain.recipient_limits import RecipientLimits
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.services.publishing.arriving_models import Take
from model_sharing_provider.services.publishing.multipart import PartSeen
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.model_folder import MLMODEL
from support.privilege_matrix.requirements import SCORER
from support.privilege_matrix.rows import Actor
from support.skill_folder import write_skill

PAGE = PageRequest()
COMMENT, OWNER = SecurableUpdate(comment="text"), SecurableUpdate(owner="other")

NEW_NAME, MOVED = SecurableUpdate(new_name="renamed"), SecurableUpdate(new_name="dev.lab.moved")
PROFILE = json.dumps(
    {"shareCredentialsVersion": 1, "endpoint": "https://umbrella.example", "bearerToken": "secret"}
)


def limited(_present: RecipientLimits) -> RecipientLimits:
    """Limits instead of the present ones."""
    return RecipientLimits(requests_per_minute=1)


class Chunks:
    """A file on its way in, as often as it is sent."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield MLMODEL.encode()


class ArrivingFolder:
    """Model whose files arrive from a folder."""

    def __init__(self, folder: Path) -> None:
        self.location = str(folder)
        self.sizes: Mapping[str, int | None] = {file.name: file.stat().st_size for file in folder.iterdir()}

    async def deliver(self, path: str, take: Take, _advance: Advance) -> Fingerprint:
        """Let a file be taken."""

        async def content() -> AsyncIterator[bytes]:
            yield (Path(self.location) / path).read_bytes()

        return await take(content())


async def an_arriving_model(at: Actor) -> dict[str, Any]:
    return {"source": ArrivingFolder(at.folder)}


async def a_source(at: Actor) -> dict[str, Any]:
    return {"source": at.folder}


async def a_version(at: Actor) -> dict[str, Any]:
    return {"version": await at.provider.versions.get(at.context, SCORER, 1)}


async def a_replacement(at: Actor) -> dict[str, Any]:
    """A version for the aliases of version 1 to move to."""
    registered = await at.provider.registration.register(at.context, at.folder, SCORER)
    return {"replacement": registered.version}


async def a_location(at: Actor) -> dict[str, Any]:
    return {"location": at.folder.as_uri()}


async def a_table(at: Actor) -> dict[str, Any]:
    pq.write_table(pa.table({"a": [1]}), at.folder / "part.parquet")
    return {"location": at.folder.as_uri()}


async def a_skill(at: Actor) -> dict[str, Any]:
    return {"location": write_skill(at.folder / "read-pdf").as_uri()}


async def a_file(at: Actor) -> dict[str, Any]:
    return {"path": at.folder.parent / "audit.parquet"}


async def a_new_folder(at: Actor) -> dict[str, Any]:
    return {"folder": at.folder.parent / "backup"}


async def another_database(at: Actor) -> dict[str, Any]:
    return {"url": f"sqlite:///{at.folder.parent / 'another.db'}"}


async def a_token(at: Actor) -> dict[str, Any]:
    token, _ = await at.provider.principals.create_token(at.context, "other")
    return {"token_id": token.id}


async def a_user_by_id(at: Actor) -> dict[str, Any]:
    found = await at.provider.principals.get(at.context, "other")
    return {"principal_id": found.principal.id, "kinds": [found.principal.type]}


async def a_user_to_deactivate(at: Actor) -> dict[str, Any]:
    found = await at.provider.principals.get(at.context, "other")
    return {"principal_id": found.principal.id, "active": False}


async def a_group_by_id(at: Actor) -> dict[str, Any]:
    found = await at.provider.principals.get(at.context, "team")
    return {"group_id": found.principal.id, "changes": []}


POLICY = NewFederationPolicy(
    issuer="https://issuer.example", subject_claim="sub", subject="jobs", audiences=("models",)
)


async def a_federation_policy(at: Actor) -> dict[str, Any]:
    policy = await at.provider.federation_policies.create(at.context, "hooli", POLICY)
    return {"name": policy.name}


async def a_principals_policy(at: Actor) -> dict[str, Any]:
    policy = await at.provider.principal_policies.create(at.context, "other", POLICY)
    return {"name": policy.name}


async def a_recipients_token(at: Actor) -> dict[str, Any]:
    recipient, _ = await at.provider.recipients.get(at.context, "globex")
    return {"token_id": recipient.tokens[0].id}


async def an_old_key(at: Actor) -> dict[str, Any]:
    first = (await at.provider.signing.list_keys(at.context))[0]
    await at.provider.signing.rotate(at.context)
    return {"fingerprint": PublicKey.parse(first.pem).fingerprint}


async def waiting(at: Actor) -> dict[str, Any]:
    """A version 2 that waits for its files, with the one there that it cannot do without."""
    version = await at.provider.uploads.create(at.context, SCORER, NewVersion())
    await at.provider.uploads.write(at.context, version, "MLmodel", Chunks())
    return {}


async def a_waiting_version(at: Actor) -> dict[str, Any]:
    await waiting(at)
    return {"version": await at.provider.versions.get(at.context, SCORER, 2)}


async def a_job(at: Actor) -> dict[str, Any]:
    return {"job_id": (await at.provider.jobs.start_check(at.context)).id}


async def a_session(at: Actor) -> dict[str, Any]:
    """A file of version 2 that comes in parts."""
    version = await at.provider.uploads.create(at.context, SCORER, NewVersion())
    session = await at.provider.multipart.begin(at.context, SCORER, 2, "big")
    return {"version": version, "session": session, "by": at.context.caller.principal}


async def all_parts(at: Actor) -> dict[str, Any]:
    begun = await a_session(at)
    etag = await at.provider.multipart.write_part(at.context, **begun, number=1, chunks=Chunks())
    return {"session": begun["session"], "seen": [PartSeen(1, etag)]}


async def signed(at: Actor) -> dict[str, Any]:
    return _signed(await at.provider.principal_files.sign(at.context, SCORER, 1, "MLmodel"))


async def a_session_to_sign(at: Actor) -> dict[str, Any]:
    return {"session": (await a_session(at))["session"]}


async def signed_upload(at: Actor) -> dict[str, Any]:
    begun = await a_session_to_sign(at)
    (url,) = await at.provider.principal_files.sign_session_uploads(
        at.context, SCORER, 2, "big", upload_suffixes=["part/x/1"], **begun
    )
    return _signed(url)


def _signed(url: str) -> dict[str, Any]:
    resource, _, query = url.partition("?")
    return {"resource": resource, "query": dict(parse_qsl(query, keep_blank_values=True))}
