"""Records of domain objects for output: the fields shown, by their names on the wire.

Fields that are not listed here, such as sealed secrets, are not shown. Classes are listed by name: a command
imports those that it shows, and no others.
"""

from __future__ import annotations

from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from model_sharing_protocol.names import FullName, SchemaName

if TYPE_CHECKING:
    from model_sharing_provider.domain.securables import Catalog
    from model_sharing_provider.domain.sharing import RecipientOverview, ShareOverview
    from model_sharing_provider.services.administration.orphans import Orphan

Record = dict[str, Any]


def _fields(*names: str, **renamed: str) -> dict[str, str]:
    """Fields by name, each with the attribute of its value, if that has another name."""
    return {**{name: name for name in names}, **renamed}


_SECURABLE = ("comment", "owner", "id", "created_at", "updated_at")

FIELDS: dict[str, dict[str, str]] = {
    "Catalog": _fields("name", *_SECURABLE),
    "CatalogSource": {
        "provider_name": "provider",
        "share_name": "share",
        **_fields(
            "key_fingerprint",
            "state",
            "state_reason",
            "state_since",
            "synced_at",
            "broker",
            "resharing",
            "pulled_size",
        ),
        "confirmed_at": "checked_at",
    },
    "Schema": _fields(
        "full_name",
        "comment",
        "owner",
        "created_at",
        "updated_at",
        name="full_name.schema",
        catalog_name="full_name.catalog",
        schema_id="id",
    ),
    "RegisteredModel": _fields(
        "full_name",
        "latest_version",
        "aliases",
        "tags",
        "format",
        "license",
        *_SECURABLE,
        name="full_name.name",
        summary="known_summary",
        catalog_name="full_name.catalog",
        schema_name="full_name.schema",
    ),
    "ModelVersion": _fields(
        *("full_name", "version", "aliases", "status", "size", "num_files", "digest", "comment", "tags"),
        *("signature", "source", "run_id", "id", "created_at", "created_by", "format", "license"),
        summary="known_summary",
        recalled="recall",
        origin="origin",
    ),
    "Origin": _fields("provider", "share", "model", "version", "digest", "key"),
    "Job": _fields(
        *("id", "kind", "subject", "state", "progress", "attempts", "requester", "created_at", "due_at"),
        *("ended_at", "error"),
        server="claimed_by",
    ),
    "LineageRecord": _fields("id", "direction", "payload", "recorded_at", "recorded_by"),
    "Share": _fields("name", "resharing", *_SECURABLE),
    "ShareObject": _fields(
        "name", "shared_as", "status", "added_at", "added_by", "skill", data_object_type="type"
    ),
    "SkillMetadata": _fields("description", "license", "compatibility", "allowed_tools", "metadata"),
    "ShareGrant": _fields("share", "recipient", "privilege", "granted_at", "granted_by"),
    "ModelShare": _fields("share", "shared_as", "recipients"),
    "Terms": _fields("version", "digest", "text", "set_at", "set_by", "ended_at", "ended_by"),
    "SharedTerms": _fields("version", "digest", "text", "models", "accepted_at", "accepted_by"),
    "TermsAcceptance": _fields(
        "recipient", "share", "version", "digest", "accepted_at", "accepted_by", "text"
    ),
    "VersionPull": _fields("recipient", "full_name", "version", "first_at", "last_at", "pulls", "size"),
    "AliasLag": _fields("recipient", "alias", "version", "newest_pulled", "behind"),
    "DeletionImpact": _fields("recipients", "pulls"),
    "Recipient": _fields("name", "authentication_type", "ip_access_list", "activated", "tokens", *_SECURABLE),
    "FederationPolicy": _fields(
        *("name", "issuer", "subject_claim", "subject", "audiences", "groups_claim", "groups"),
        *("comment", "id", "created_at", "updated_at"),
    ),
    "RecipientToken": _fields("id", "activated_at", "created_at", expiration_time="expires_at"),
    "SharingProvider": _fields("name", "endpoint", "authentication_type", *_SECURABLE),
    "PrincipalInfo": _fields(
        "members",
        "active",
        "tokens",
        "created_at",
        name="principal.name",
        type="principal.type",
        id="principal.id",
    ),
    "AccessToken": _fields("id", "comment", "created_at", expiration_time="expires_at"),
    "PrivilegeGrant": _fields("principal", "privilege", securable_type="type", full_name="name"),
    "AuditEvent": _fields(
        "at",
        "outcome",
        "action",
        "reason",
        "count",
        principal="caller.principal.name",
        principal_type="caller.principal.type",
        token_groups="caller.token_groups",  # noqa: S106 - names of groups
        object_type="target.type",
        object_name="target.name",
        share="target.share",
        recipient="target.recipient",
        face="caller.face",
        address="caller.address",
        request_id="caller.request_id",
        first_at="first",
    ),
}


def to_record(value: object) -> Record:
    """Record of a domain object, with records of the domain objects in it."""
    return {name: _plain(attrgetter(path)(value)) for name, path in FIELDS[type(value).__name__].items()}


def catalog_record(catalog: Catalog) -> Record:
    """Record of a catalog; one from a share with its source, its state, and what to do about that."""
    record = to_record(catalog)
    if catalog.source is None:
        return record
    from model_sharing_provider.services.mirroring.states import remedy_of  # noqa: PLC0415

    source = catalog.source
    return record | to_record(source) | {"remedy": remedy_of(source.state, source.provider)}


def origin_words(version: Record) -> str:
    """Origin of a version's record in a few words, for a table."""
    origin = version["origin"]
    return f"{origin['provider']}: {origin['share']}.{origin['model']}/{origin['version']}" if origin else ""


def share_overview_record(overview: ShareOverview) -> Record:
    """Record of a share with its objects and recipients."""
    return {
        **to_record(overview.share),
        "shared_as": list(overview.shared_as),
        "recipients": list(overview.recipients),
    }


def recipient_overview_record(overview: RecipientOverview) -> Record:
    """Record of a recipient with its shares, the end of its last token, and the time of its last call."""
    ends = [token.expires_at for token in overview.recipient.tokens]
    return {
        **to_record(overview.recipient),
        "shares": list(overview.shares),
        "expiration_time": max(ends, default=None),
        "last_used_at": overview.last_used_at,
    }


def orphan_record(orphan: Orphan) -> Record:
    """Record of stored files that no version needs."""
    return {
        "reason": "FAILED" if orphan.failed else "UNREFERENCED",
        "version_id": orphan.version_id,
        "num_objects": orphan.num_objects,
        "size": orphan.size,
    }


def _plain(value: Any) -> Any:
    if type(value).__name__ in FIELDS:
        return to_record(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, FullName | SchemaName):
        return str(value)
    return value.value if isinstance(value, Enum) else value
