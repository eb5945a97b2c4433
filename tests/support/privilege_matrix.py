"""What each operation of the provider needs: one line for each way to be allowed to do it.

After "Manage model lifecycle in Unity Catalog" ("Permissions required"). The lines are about a world with the
model `prod.ml_team.scorer`, its stage `dev.lab.scorer`, the share `acme`, the recipients `initech` and
`globex`, and the provider `umbrella`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.names import FullName, SchemaName, SharedName
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import ShareObjectType
from model_sharing_provider.domain.uploads import NewVersion
from model_sharing_provider.governance.permissions import PrivilegeChange
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.services.publishing.multipart import PartSeen
from model_sharing_provider.services.registry.tags import TagChange
from model_sharing_provider.services.registry.updates import SecurableUpdate
from model_sharing_provider.services.sharing.shares import GrantChange, ShareChange
from support.model_folder import MLMODEL
from support.principals import SecurablePrivilege, on_catalog, on_model, on_schema

PROD, TEAM, SCORER = "prod", SchemaName("prod", "ml_team"), FullName("prod", "ml_team", "scorer")
NEW, STAGED = FullName("prod", "ml_team", "new"), FullName("dev", "lab", "scorer")
PAGE = PageRequest()
RENAMED, DESCRIBED, GIVEN_AWAY = (
    SecurableUpdate(new_name="renamed"),
    SecurableUpdate(comment="text"),
    SecurableUpdate(owner="other"),
)
MOVED = SecurableUpdate(new_name="dev.lab.moved")

NOTHING: tuple[SecurablePrivilege, ...] = ()
ADMINISTRATION = (SecurablePrivilege(Privilege.ADMINISTER, SecurableType.METASTORE),)
USE_CATALOG = (on_catalog(Privilege.USE_CATALOG, PROD),)
OWN_CATALOG = (on_catalog(Privilege.OWN, PROD),)
MANAGE_CATALOG = (on_catalog(Privilege.MANAGE, PROD),)
CREATE_SCHEMA = (*USE_CATALOG, on_catalog(Privilege.CREATE_SCHEMA, PROD))
USE_SCHEMA = (*USE_CATALOG, on_schema(Privilege.USE_SCHEMA, str(TEAM)))
OWN_SCHEMA = (*USE_CATALOG, on_schema(Privilege.OWN, str(TEAM)))
MANAGE_SCHEMA = (on_schema(Privilege.MANAGE, str(TEAM)),)
CREATE_MODEL = (*USE_SCHEMA, on_schema(Privilege.CREATE_MODEL, str(TEAM)))
EXECUTE = (*USE_SCHEMA, on_model(Privilege.EXECUTE, str(SCORER)))
OWN = (*USE_SCHEMA, on_model(Privilege.OWN, str(SCORER)))
APPLY_TAG = (*USE_SCHEMA, on_model(Privilege.APPLY_TAG, str(SCORER)))
RENAME = (*CREATE_MODEL, on_model(Privilege.OWN, str(SCORER)))
USE_LAB = (on_catalog(Privilege.USE_CATALOG, "dev"), on_schema(Privilege.USE_SCHEMA, "dev.lab"))
CREATE_IN_LAB = (*USE_LAB, on_schema(Privilege.CREATE_MODEL, "dev.lab"))
EXECUTE_STAGED = (*USE_LAB, on_model(Privilege.EXECUTE, str(STAGED)))
OWN_SHARE = (SecurablePrivilege(Privilege.OWN, SecurableType.SHARE, "acme"),)
OWN_RECIPIENT = (SecurablePrivilege(Privilege.OWN, SecurableType.RECIPIENT, "globex"),)
OWN_PROVIDER = (SecurablePrivilege(Privilege.OWN, SecurableType.PROVIDER, "umbrella"),)
PROFILE = json.dumps(
    {"shareCredentialsVersion": 1, "endpoint": "https://umbrella.example", "bearerToken": "secret"}
)

MANAGE_PROD = (OWN_CATALOG, MANAGE_CATALOG)
MANAGE_TEAM = ((on_schema(Privilege.OWN, str(TEAM)),), MANAGE_SCHEMA, *MANAGE_PROD)
MANAGE_SCORER = (
    (on_model(Privilege.OWN, str(SCORER)),),
    (on_model(Privilege.MANAGE, str(SCORER)),),
    *MANAGE_TEAM,
)


def on_metastore(privilege: Privilege) -> tuple[SecurablePrivilege, ...]:
    return (SecurablePrivilege(privilege, SecurableType.METASTORE),)


@dataclass(frozen=True, slots=True)
class Worker:
    """Somebody at a provider, with a model's folder to register."""

    provider: ProviderServices
    context: Context
    folder: Path


First = Callable[[Worker], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Line:
    """A method of a service, what it needs, and its arguments; `first` prepares the rest of them."""

    operation: str
    needs: tuple[SecurablePrivilege, ...]
    arguments: tuple[Any, ...]
    named: Mapping[str, Any] = field(default_factory=dict)
    first: First | None = None

    def __str__(self) -> str:
        return f"{self.operation} with {', '.join(map(str, self.needs)) or 'nothing'}"

    async def work(self, worker: Worker, prepared: Mapping[str, Any] = {}) -> None:
        service, _, method = self.operation.partition(".")
        call = getattr(getattr(worker.provider, service), method)
        await call(worker.context, *self.arguments, **self.named, **prepared)


def line(
    operation: str,
    needs: tuple[SecurablePrivilege, ...],
    *arguments: Any,
    first: First | None = None,
    **named: Any,
) -> Line:
    return Line(operation, needs, arguments, named, first)


class Chunks:
    """A file on its way in, as often as it is sent."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield MLMODEL.encode()


async def a_folder(at: Worker) -> dict[str, Any]:
    return {"folder": at.folder}


async def a_source(at: Worker) -> dict[str, Any]:
    return {"source": at.folder}


async def a_version(at: Worker) -> dict[str, Any]:
    return {"version": await at.provider.versions.get(at.context, SCORER, 1)}


async def a_location(at: Worker) -> dict[str, Any]:
    return {"location": at.folder.as_uri()}


async def a_file(at: Worker) -> dict[str, Any]:
    return {"path": at.folder.parent / "audit.parquet"}


async def a_new_folder(at: Worker) -> dict[str, Any]:
    return {"folder": at.folder.parent / "backup"}


async def another_database(at: Worker) -> dict[str, Any]:
    return {"url": f"sqlite:///{at.folder.parent / 'another.db'}"}


async def a_token(at: Worker) -> dict[str, Any]:
    token, _ = await at.provider.principals.create_token(at.context, "other")
    return {"token_id": token.id}


async def a_recipients_token(at: Worker) -> dict[str, Any]:
    recipient, _ = await at.provider.recipients.get(at.context, "globex")
    return {"token_id": recipient.tokens[0].id}


async def an_old_key(at: Worker) -> dict[str, Any]:
    first = (await at.provider.signing.list_keys(at.context))[0]
    await at.provider.signing.rotate(at.context)
    return {"fingerprint": PublicKey.parse(first.pem).fingerprint}


async def waiting(at: Worker) -> dict[str, Any]:
    """A version 2 that waits for its files, with the one there that it cannot do without."""
    version = await at.provider.uploads.create(at.context, SCORER, NewVersion())
    await at.provider.uploads.write(at.context, version, "MLmodel", Chunks())
    return {}


async def a_waiting_version(at: Worker) -> dict[str, Any]:
    await waiting(at)
    return {"version": await at.provider.versions.get(at.context, SCORER, 2)}


async def a_session(at: Worker) -> dict[str, Any]:
    """A file of version 2 that comes in parts."""
    version = await at.provider.uploads.create(at.context, SCORER, NewVersion())
    session = await at.provider.multipart.begin(at.context, SCORER, 2, "big")
    return {"version": version, "session": session, "by": at.context.caller.principal}


async def all_parts(at: Worker) -> dict[str, Any]:
    begun = await a_session(at)
    etag = await at.provider.multipart.write_part(at.context, **begun, number=1, chunks=Chunks())
    return {"session": begun["session"], "seen": [PartSeen(1, etag)]}


async def signed(at: Worker) -> dict[str, Any]:
    return _signed(await at.provider.principal_files.sign(at.context, SCORER, 1, "MLmodel"))


async def a_session_to_sign(at: Worker) -> dict[str, Any]:
    return {"session": (await a_session(at))["session"]}


async def signed_upload(at: Worker) -> dict[str, Any]:
    begun = await a_session_to_sign(at)
    (url,) = await at.provider.principal_files.sign_session_uploads(
        at.context, SCORER, 2, "big", what=["part/x/1"], **begun
    )
    return _signed(url)


def _signed(url: str) -> dict[str, Any]:
    resource, _, query = url.partition("?")
    return {"resource": resource, "query": dict(parse_qsl(query, keep_blank_values=True))}


def _grants(
    kind: SecurableType, name: str, ways: tuple[tuple[SecurablePrivilege, ...], ...], privilege: Privilege
) -> list[Line]:
    change = [PrivilegeChange("other", add=frozenset({privilege}))]
    return [
        line("permissions.get", ways[-1], kind, name),
        line("permissions.effective", ways[-1], kind, name),
        *(line("permissions.update", needs, kind, name, change) for needs in ways),
    ]


TABLE = [
    # The metastore, and who is in it.
    line("catalogs.metastore", NOTHING),
    line("principals.who_am_i", NOTHING),
    line("principals.create", ADMINISTRATION, "new", PrincipalType.USER),
    line("principals.page", ADMINISTRATION, PAGE),
    line("principals.get", ADMINISTRATION, "other"),
    line("principals.delete", ADMINISTRATION, "other"),
    line("principals.add_member", ADMINISTRATION, "team", "ana"),
    line("principals.remove_member", ADMINISTRATION, "team", "other"),
    line("principals.create_token", ADMINISTRATION, "other"),
    line("principals.delete_token", ADMINISTRATION, "other", first=a_token),
    line("audit.latest", ADMINISTRATION, 1),
    line("audit.export", ADMINISTRATION, first=a_file),
    line("audit.prune", ADMINISTRATION, timedelta(days=400)),
    line("backups.create", ADMINISTRATION, first=a_new_folder),
    line("backups.announce", ADMINISTRATION),
    line("backups.compact", ADMINISTRATION),
    line("backups.copy_to", ADMINISTRATION, first=another_database),
    line("fsck.check", ADMINISTRATION),
    line("gc.collect", ADMINISTRATION, lineage_older_than=timedelta(days=400)),
    line("tracking.admit", NOTHING, "GET /experiments/search"),
    # Catalogs and schemas.
    line("catalogs.page", NOTHING, PAGE),
    line("catalogs.create", on_metastore(Privilege.CREATE_CATALOG), "new"),
    line("catalogs.get", USE_CATALOG, PROD),
    line("catalogs.update", OWN_CATALOG, PROD, RENAMED),
    line("catalogs.update", OWN_CATALOG, PROD, DESCRIBED),
    *(line("catalogs.update", needs, PROD, GIVEN_AWAY) for needs in MANAGE_PROD),
    line("catalogs.delete", OWN_CATALOG, PROD, force=True),
    line("catalogs.create_schema", CREATE_SCHEMA, SchemaName(PROD, "new")),
    line("catalogs.page_schemas", USE_CATALOG, PROD, PAGE),
    line("catalogs.get_schema", USE_SCHEMA, TEAM),
    line("catalogs.update_schema", OWN_SCHEMA, TEAM, RENAMED),
    line("catalogs.update_schema", OWN_SCHEMA, TEAM, DESCRIBED),
    *(line("catalogs.update_schema", needs, TEAM, GIVEN_AWAY) for needs in MANAGE_TEAM),
    line("catalogs.delete_schema", OWN_SCHEMA, TEAM, force=True),
    # Models.
    line("models.create", CREATE_MODEL, NEW, tags={"task": "claims"}),
    line("models.page", USE_SCHEMA, TEAM, PAGE),
    line("models.search", NOTHING, PAGE),
    line("models.search_catalog", NOTHING, PAGE, PROD),
    line("models.get", EXECUTE, SCORER),
    line("models.update", OWN, SCORER, DESCRIBED),
    *(line("models.update", needs, SCORER, GIVEN_AWAY) for needs in MANAGE_SCORER),
    line("models.update", RENAME, SCORER, RENAMED),
    line("models.update", (*RENAME, *CREATE_IN_LAB), SCORER, MOVED),
    line("models.delete", OWN, SCORER),
    line("models.set_alias", OWN, SCORER, "Next", 1),
    line("models.delete_alias", OWN, SCORER, "Champion"),
    line("models.tag", APPLY_TAG, SCORER, TagChange({"task": "claims"}, ["old"])),
    line("models.tag", OWN, SCORER, TagChange({"task": "claims"}, ["old"])),
    # Versions.
    line("versions.page", EXECUTE, SCORER, PAGE),
    line("versions.page_of_run", NOTHING, "run", PAGE),
    line("versions.get", EXECUTE, SCORER, 1),
    line("formats.of_version", EXECUTE, SCORER, 1),
    line("versions.get_by_alias", EXECUTE, SCORER, "champion"),
    line("versions.update", OWN, SCORER, 1, "the first"),
    line("versions.delete", OWN, SCORER, 1),
    line("versions.tag", APPLY_TAG, SCORER, 1, TagChange({"checked": "yes"})),
    line("versions.tag", OWN, SCORER, 1, TagChange({"checked": "yes"})),
    # New versions: of a folder, by upload, as a copy.
    line("registration.register", OWN, first=a_folder, name=SCORER, alias="New"),
    line("registration.register", CREATE_MODEL, first=a_folder, name=NEW),
    line("registration.find_unchanged", OWN, first=a_source, name=SCORER),
    line("registration.find_same", OWN, first=a_version),
    line("registration.register_in_place", OWN, first=a_location, name=SCORER, alias="New"),
    line("registration.register_in_place", CREATE_MODEL, first=a_location, name=NEW),
    line("uploads.create", OWN, SCORER, NewVersion(tags={"task": "claims"}, lineage={"entities": []})),
    line("uploads.create", (*OWN, *EXECUTE_STAGED), SCORER, NewVersion(source=f"models:/{STAGED}/1")),
    line("uploads.begin", OWN, SCORER, 2, first=waiting),
    line("uploads.write", OWN, path="more", chunks=Chunks(), first=a_waiting_version),
    line("uploads.check_absent", OWN, path="more", first=a_waiting_version),
    line("uploads.remove", OWN, SCORER, 2, "MLmodel", first=waiting),
    line("multipart.begin", OWN, SCORER, 2, "big", first=waiting),
    line("multipart.write_part", OWN, number=1, chunks=Chunks(), first=a_session),
    line("multipart.complete", OWN, SCORER, 2, "big", first=all_parts),
    line("multipart.abort", OWN, first=a_session),
    line("finalization.finalize", OWN, SCORER, 2, first=waiting),
    line("copies.copy", (*EXECUTE_STAGED, *OWN), STAGED, 1, SCORER),
    line("copies.copy", (*EXECUTE_STAGED, *CREATE_MODEL), STAGED, 1, NEW),
    # Files: to load a model, and to upload one.
    line("principal_files.folder", EXECUTE, SCORER, 1, ""),
    line("principal_files.open_path", EXECUTE, SCORER, 1, "MLmodel"),
    line("principal_files.sign", EXECUTE, SCORER, 1, "MLmodel"),
    line("principal_files.open", EXECUTE, first=signed),
    line(
        "principal_files.sign_session_uploads",
        OWN,
        SCORER,
        2,
        "big",
        what=["part/x/1"],
        first=a_session_to_sign,
    ),
    line("principal_files.sign_file_upload", OWN, SCORER, 2, "x", "file/x", first=waiting),
    line("principal_files.accept_upload", OWN, first=signed_upload),
    line("principal_credentials.read", EXECUTE, SCORER, 1),
    line("principal_credentials.write", OWN, SCORER, 2, first=waiting),
    # Lineage.
    line("lineage.emit", EXECUTE, SCORER, 1, "DOWNSTREAM", {"job": "nightly"}),
    line("lineage.of_version", EXECUTE, SCORER, 1),
    # Grants; everybody may see their own.
    *_grants(SecurableType.METASTORE, "", (ADMINISTRATION,), Privilege.CREATE_SHARE),
    *_grants(SecurableType.CATALOG, PROD, MANAGE_PROD, Privilege.USE_CATALOG),
    *_grants(SecurableType.SCHEMA, str(TEAM), MANAGE_TEAM, Privilege.USE_SCHEMA),
    *_grants(SecurableType.MODEL, str(SCORER), MANAGE_SCORER, Privilege.EXECUTE),
    line("permissions.get", NOTHING, SecurableType.MODEL, str(SCORER), "ana"),
    line("permissions.effective", NOTHING, SecurableType.MODEL, str(SCORER), "ana"),
    # Shares and recipients.
    line("shares.page", NOTHING, PAGE),
    line("shares.overview", NOTHING, PAGE),
    line("shares.of_model", EXECUTE, SCORER),
    line("shares.create", on_metastore(Privilege.CREATE_SHARE), "new"),
    line("shares.get", OWN_SHARE, "acme"),
    line("shares.update", OWN_SHARE, "acme", (), RENAMED),
    line(
        "shares.update",
        (*OWN_SHARE, *EXECUTE),
        "acme",
        [ShareChange(True, ShareObjectType.MODEL, str(SCORER))],
    ),
    line("shares.add_model", (*OWN_SHARE, *EXECUTE), "acme", SCORER, SharedName("models", "scorer")),
    line("shares.add_schema", (*OWN_SHARE, *USE_SCHEMA), "acme", TEAM),
    line("shares.remove", OWN_SHARE, "acme", "lab.scorer"),
    line("shares.grant", (*OWN_SHARE, *OWN_RECIPIENT), "acme", "globex"),
    line("shares.revoke", OWN_SHARE, "acme", "initech"),
    line(
        "shares.update_grants",
        (*OWN_SHARE, *OWN_RECIPIENT),
        "acme",
        [GrantChange("initech", False), GrantChange("globex", True)],
    ),
    line("shares.delete", OWN_SHARE, "acme"),
    line("recipients.page", NOTHING, PAGE),
    line("recipients.overview", NOTHING, PAGE),
    line("recipients.create", on_metastore(Privilege.CREATE_RECIPIENT), "new"),
    line("recipients.get", OWN_RECIPIENT, "globex"),
    line("recipients.update", OWN_RECIPIENT, "globex", DESCRIBED, ["10.0.0.0/8"]),
    line("recipients.rotate_token", OWN_RECIPIENT, "globex", existing_expires_in=timedelta(0)),
    line("recipients.revoke_token", OWN_RECIPIENT, "globex", first=a_recipients_token),
    line("recipients.delete", OWN_RECIPIENT, "globex"),
    # The provider's secrets, and the keys that recipients' answers are signed with.
    line("secrets.describe", ADMINISTRATION),
    line("secrets.rotate", ADMINISTRATION),
    line("signing.rotate", ADMINISTRATION),
    line("signing.start_over", ADMINISTRATION),
    line("signing.retire", ADMINISTRATION, first=an_old_key),
    # Providers that share with this metastore.
    line("providers.page", NOTHING, PAGE),
    line("providers.create", on_metastore(Privilege.CREATE_PROVIDER), "new", PROFILE),
    line("providers.get", OWN_PROVIDER, "umbrella"),
    line("providers.update", OWN_PROVIDER, "umbrella", DESCRIBED, PROFILE),
    line("providers.delete", OWN_PROVIDER, "umbrella"),
]

_OF_RECIPIENTS = "recipients only: SELECT on the share decides, see test_access_matrix"
ELSEWHERE: Mapping[str, str] = {
    "principals.authenticate": "signing in: the token is looked at, see test_inheritance",
    "recipients.authenticate": "signing in: the token is looked at, see test_tokens",
    "recipients.activate": "the activation link is the permission, see test_tokens",
    "recipients.activation_info": "the activation link is the permission, see test_tokens",
    "providers.shares": "asks the provider itself: see the test of its owner in test_privileges",
    "signed_files.verify": "whose URL came back: `recipient_files.open` and `principal_files.open` decide",
    "signed_files.access_ended": "watches a transfer that one of them let begin",
    "recipient_files.open": "recipients only: a URL signed under a grant, see test_signed_files",
    "recipient_files.open_pack": "recipients only: a URL signed under a grant, as for `recipient_files.open`",
    "recipient_files.version_files": _OF_RECIPIENTS,
    "recipient_credentials.read": _OF_RECIPIENTS,
    "recipient_view.list_shares": _OF_RECIPIENTS,
    "recipient_view.get_share": _OF_RECIPIENTS,
    "recipient_view.list_schemas": _OF_RECIPIENTS,
    "recipient_view.list_models": _OF_RECIPIENTS,
    "recipient_view.get_model": _OF_RECIPIENTS,
    "recipient_view.list_versions": _OF_RECIPIENTS,
    "recipient_view.get_version": _OF_RECIPIENTS,
    "recipient_view.resolve_alias": _OF_RECIPIENTS,
    "recipient_view.list_aliases": _OF_RECIPIENTS,
    "signing.list_keys": "any token of this provider: what it gives is public, see test_signing",
    "information_schema.list_tables": _OF_RECIPIENTS,
    "information_schema.describe": _OF_RECIPIENTS,
    "information_schema.query": _OF_RECIPIENTS,
}
"""Operations that no privilege of a principal's decides about, and what does."""
