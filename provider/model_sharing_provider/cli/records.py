"""Domain values as records for output: the same field names as on the wire, in snake case."""

from __future__ import annotations

from typing import Any

from model_sharing_provider.domain.events import AuditEvent
from model_sharing_provider.domain.principals import AccessToken, PrincipalInfo
from model_sharing_provider.domain.securables import Catalog, ModelVersion, RegisteredModel, Schema
from model_sharing_provider.domain.sharing import (
    ModelShare,
    Recipient,
    RecipientOverview,
    Share,
    ShareGrant,
    ShareObject,
    ShareOverview,
    SharingProvider,
)
from model_sharing_provider.domain.uploads import LineageRecord
from model_sharing_provider.governance.permissions import PrivilegeGrant

Record = dict[str, Any]


def catalog_record(catalog: Catalog) -> Record:
    return {
        "name": catalog.name,
        "comment": catalog.comment,
        "owner": catalog.owner,
        "id": catalog.id,
        "created_at": catalog.created_at,
        "updated_at": catalog.updated_at,
    }


def schema_record(schema: Schema) -> Record:
    return {
        "full_name": str(schema.full_name),
        "catalog_name": schema.full_name.catalog,
        "name": schema.full_name.schema,
        "comment": schema.comment,
        "owner": schema.owner,
        "id": schema.id,
        "created_at": schema.created_at,
        "updated_at": schema.updated_at,
    }


def model_record(model: RegisteredModel) -> Record:
    return {
        "full_name": str(model.full_name),
        "catalog_name": model.full_name.catalog,
        "schema_name": model.full_name.schema,
        "name": model.full_name.name,
        "latest_version": model.latest_version,
        "aliases": model.aliases,
        "tags": model.tags,
        "comment": model.comment,
        "owner": model.owner,
        "id": model.id,
        "created_at": model.created_at,
        "updated_at": model.updated_at,
    }


def version_record(version: ModelVersion) -> Record:
    return {
        "full_name": str(version.full_name),
        "version": version.version,
        "aliases": version.aliases,
        "status": version.status.value,
        "size": version.size,
        "num_files": version.num_files,
        "digest": version.digest,
        "comment": version.comment,
        "tags": version.tags,
        "signature": version.signature,
        "source": version.source,
        "run_id": version.run_id,
        "id": version.id,
        "created_at": version.created_at,
        "created_by": version.created_by,
    }


def share_record(share: Share) -> Record:
    return {
        "name": share.name,
        "comment": share.comment,
        "owner": share.owner,
        "id": share.id,
        "created_at": share.created_at,
        "updated_at": share.updated_at,
    }


def share_overview_record(overview: ShareOverview) -> Record:
    return {
        **share_record(overview.share),
        "shared_as": list(overview.shared_as),
        "recipients": list(overview.recipients),
    }


def model_share_record(share: ModelShare) -> Record:
    return {"share": share.share, "shared_as": share.shared_as, "recipients": list(share.recipients)}


def share_object_record(item: ShareObject) -> Record:
    return {
        "data_object_type": item.type.value,
        "name": item.name,
        "shared_as": item.shared_as,
        "status": item.status.value,
        "added_at": item.added_at,
        "added_by": item.added_by,
    }


def grant_record(grant: ShareGrant) -> Record:
    return {
        "share": grant.share,
        "recipient": grant.recipient,
        "privilege": grant.privilege,
        "granted_at": grant.granted_at,
        "granted_by": grant.granted_by,
    }


def recipient_record(recipient: Recipient) -> Record:
    return {
        "name": recipient.name,
        "comment": recipient.comment,
        "owner": recipient.owner,
        "id": recipient.id,
        "ip_access_list": list(recipient.ip_access_list),
        "activated": any(token.activated_at is not None for token in recipient.tokens),
        "tokens": [
            {
                "id": token.id,
                "activated_at": token.activated_at,
                "expiration_time": token.expires_at,
                "created_at": token.created_at,
            }
            for token in recipient.tokens
        ],
        "created_at": recipient.created_at,
        "updated_at": recipient.updated_at,
    }


def principal_record(info: PrincipalInfo) -> Record:
    return {
        "name": info.principal.name,
        "type": info.principal.type.value,
        "id": info.principal.id,
        "members": list(info.members),
        "tokens": [access_token_record(token) for token in info.tokens],
        "created_at": info.created_at,
    }


def access_token_record(token: AccessToken) -> Record:
    return {
        "id": token.id,
        "comment": token.comment,
        "expiration_time": token.expires_at,
        "created_at": token.created_at,
    }


def privilege_grant_record(grant: PrivilegeGrant) -> Record:
    return {
        "principal": grant.principal,
        "privilege": grant.privilege,
        "securable_type": grant.type.value,
        "full_name": grant.name,
    }


def lineage_record(record: LineageRecord) -> Record:
    return {
        "id": record.id,
        "direction": record.direction,
        "payload": record.payload,
        "recorded_at": record.recorded_at,
        "recorded_by": record.recorded_by,
    }


def audit_record(event: AuditEvent) -> Record:
    return {
        "at": event.at,
        "outcome": event.outcome.value,
        "action": event.action,
        "principal": event.caller.principal.name,
        "principal_type": event.caller.principal.type.value,
        "object_type": event.target.type.value,
        "object_name": event.target.name,
        "share": event.target.share,
        "recipient": event.target.recipient,
        "reason": event.reason,
        "face": event.caller.face,
        "address": event.caller.address,
        "request_id": event.caller.request_id,
        "count": event.count,
        "first_at": event.first,
    }


def recipient_overview_record(overview: RecipientOverview) -> Record:
    expiries = [token.expires_at for token in overview.recipient.tokens]
    return {
        **recipient_record(overview.recipient),
        "shares": list(overview.shares),
        "expiration_time": max(expiries, default=None),
        "last_used_at": overview.last_used_at,
    }


def provider_record(provider: SharingProvider) -> Record:
    return {
        "name": provider.name,
        "endpoint": provider.endpoint,
        "comment": provider.comment,
        "owner": provider.owner,
        "id": provider.id,
        "created_at": provider.created_at,
        "updated_at": provider.updated_at,
    }
