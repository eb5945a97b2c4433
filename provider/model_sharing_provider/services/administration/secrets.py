"""Rotation of the secrets that all servers share; tokens and URLs keep working."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance import rules
from model_sharing_provider.keys.cdns import CdnTable
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.services.context import Context

_METASTORE = Target(SecurableType.METASTORE)


@dataclass(frozen=True, slots=True)
class SecretInfo:
    """Description of a secret, without its value; `used_from` is in epoch ms."""

    kind: str
    id: str
    used_from: int


class Secrets:
    def __init__(self, secrets: ServerSecrets, cdn_table: CdnTable | None = None) -> None:
        """Those of the CDNs are described, and not rotated: their keys have to be known at the CDN first."""
        self._secrets = secrets
        self._cdn_table = cdn_table

    async def rotate(
        self,
        context: Context,
        *,
        url_key: bool = True,
        pepper: bool = True,
        used_in: timedelta = timedelta(0),
        forget: bool = False,
    ) -> list[SecretInfo]:
        """Add new secrets, to be used after a delay, and describe all secrets.

        Tokens always stay valid. With `forget`, issued URLs end immediately; recipients request new ones
        automatically. Raises PermissionDenied, InvalidState for a read-only file.
        """
        async with context.change(AuditAction.ROTATE_SECRETS, _METASTORE) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
            used_from = now_ms() + used_in // timedelta(milliseconds=1)
            self._secrets.add(pepper=pepper, url_key=url_key, used_from=used_from, forget=forget)
        return self._told()

    async def describe(self, context: Context) -> list[SecretInfo]:
        """Descriptions of all secrets, oldest first."""
        async with context.view(AuditAction.LIST_SECRETS, _METASTORE) as operation:
            await operation.authorize(rules.ADMINISTRATORS)
        return self._told()

    def _told(self) -> list[SecretInfo]:
        kept = self._secrets.content
        cdns = self._cdn_table.cdns if self._cdn_table else ()
        return [
            SecretInfo(kind, each.id, each.used_from)
            for kind, found in (("token pepper", kept.peppers), ("URL key", kept.url_keys))
            for each in found
        ] + [SecretInfo(f"{cdn.kind} key", cdn.key_id, 0) for cdn in cdns]
