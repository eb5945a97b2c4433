"""Metastore in which everything that people may write is hostile to a browser, as the services let it in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.services.registry.lineage import DOWNSTREAM, UPSTREAM
from model_sharing_provider.services.registry.tags import TagChange
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.hostile_input.web_text import HOSTILE_FILES, HOSTILE_LINE, HOSTILE_NAME, HOSTILE_TEXT
from support.model_folder import write_model
from support.principals import recipient_context
from support.repository_folder import write_repository

MODEL = FullName(HOSTILE_NAME, HOSTILE_NAME, HOSTILE_NAME)
CARD = FullName(HOSTILE_NAME, HOSTILE_NAME, "card")
_TAGS = TagChange(add={HOSTILE_NAME: HOSTILE_LINE[:1000], "<script>owned=1</script>": ""})


@dataclass(frozen=True, slots=True)
class HostileMetastore:
    """Secrets of what was made: a recipient's token, and another one's activation code."""

    recipient: str
    activation_code: str


async def fill_hostile(admin: AdminClient, folder: Path) -> HostileMetastore:
    """Models, a share, recipients, a provider and people."""
    await _add_models(admin, folder)
    provider, context = admin.provider, admin.context
    comment = SecurableUpdate(comment=HOSTILE_TEXT)
    await provider.catalogs.update(context, HOSTILE_NAME, comment)
    await provider.catalogs.update_schema(context, SchemaName(HOSTILE_NAME, HOSTILE_NAME), comment)
    code = await admin.share(HOSTILE_NAME, HOSTILE_NAME, str(MODEL), str(CARD))
    await provider.shares.update(context, HOSTILE_NAME, changes=comment)
    await provider.recipients.update(context, HOSTILE_NAME, comment)
    waiting = f"{HOSTILE_NAME}waiting"
    _, unused = await provider.recipients.create(context, waiting, comment=HOSTILE_TEXT)
    await provider.share_permissions.grant(context, HOSTILE_NAME, waiting)
    terms = await provider.provider_terms.set(
        context, SecurableType.SHARE, HOSTILE_NAME, version=HOSTILE_LINE[:60], text=HOSTILE_TEXT
    )
    token = (await admin.activate(code, "http://127.0.0.1")).bearer_token
    reader = await recipient_context(admin, HOSTILE_NAME)
    await provider.recipient_terms.accept(reader, HOSTILE_NAME, terms.digest, HOSTILE_LINE[:200])
    profile = '{"shareCredentialsVersion": 1, "endpoint": "http://..", "bearerToken": "t"}'
    await provider.providers.create(context, HOSTILE_NAME, profile, HOSTILE_TEXT)
    await provider.principals.create(context, HOSTILE_NAME, PrincipalType.USER)
    await provider.principals.create_token(context, HOSTILE_NAME, comment=HOSTILE_LINE[:200])
    return HostileMetastore(token, unused)


async def _add_models(admin: AdminClient, folder: Path) -> None:
    provider, context = admin.provider, admin.context
    await provider.catalogs.create(context, HOSTILE_NAME)
    await provider.catalogs.create_schema(context, SchemaName(HOSTILE_NAME, HOSTILE_NAME))
    alias = HOSTILE_NAME.replace("@", "")
    for number in (1, 2):
        await admin.register(write_model(folder / f"m{number}", HOSTILE_FILES), str(MODEL), alias)
        await provider.versions.update(context, MODEL, number, HOSTILE_TEXT)
        await provider.versions.tag(context, MODEL, number, _TAGS)
    await provider.models.update(context, MODEL, SecurableUpdate(comment=HOSTILE_TEXT))
    await provider.models.tag(context, MODEL, _TAGS)
    await provider.uploads.create(
        context, MODEL, NewVersion(source=HOSTILE_LINE[:900], run_id=HOSTILE_LINE[:200], comment=HOSTILE_TEXT)
    )
    table = {"table": {"name": HOSTILE_LINE, "table_type": HOSTILE_LINE}, HOSTILE_LINE: HOSTILE_LINE}
    lineage = {"entities": [{"notebook": {"id": HOSTILE_LINE}}], "lineages": [{"source_securables": [table]}]}
    await provider.lineage.emit(context, MODEL, 1, UPSTREAM, lineage)
    await provider.lineage.emit(context, MODEL, 1, DOWNSTREAM, {"entities": [{"job": {"id": HOSTILE_LINE}}]})
    await provider.recalls.recall(context, MODEL, 1, HOSTILE_LINE[:900], 2)
    card = write_repository(folder / "card")
    (card / "README.md").write_bytes(HOSTILE_FILES["README.md"])
    await admin.register(card, str(CARD), alias)
