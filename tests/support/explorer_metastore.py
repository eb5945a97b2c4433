"""Metastore with something on every page of the explorer: what a company has after a few months."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.registry.lineage import DOWNSTREAM, UPSTREAM
from model_sharing_provider.services.registry.tags import TagChange
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import (
    create_group,
    create_user,
    grant_privileges,
    on_catalog,
    on_model,
    on_schema,
    recipient_context,
)
from support.repository_folder import write_repository
from support.weights_files import gguf

CHURN = FullName.parse("prod.ml_team.churn_classifier")
ASSISTANT = FullName.parse("prod.language.support_assistant")
SECRET = FullName.parse("prod.research.unannounced")
TABLE = "prod.sales.customers"
_MLMODEL = """\
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.skops
    python_version: 3.11.7
  sklearn:
    pickled_model: model.skops
    serialization_format: skops
    sklearn_version: 1.9.1
mlflow_version: 3.17.2
model_size_bytes: 1048576
run_id: 5f0d8c6e1b8a4d0f9d3a7c2b6e4f1a90
signature:
  inputs: '[{"type": "long", "name": "age", "required": true},
    {"type": "string", "name": "country", "required": true},
    {"type": "double", "name": "monthly_spend", "required": true},
    {"type": "long", "name": "support_calls", "required": false}]'
  outputs: '[{"type": "double", "name": "churn_probability", "required": true}]'
  params: '[{"name": "threshold", "type": "double", "default": 0.5, "shape": null}]'
utc_time_created: '2026-11-03 09:12:44.120394'
"""
_DESCRIPTION = """\
Predicts which customers cancel **within 30 days**. Retrained every Monday on the last twelve months of
`prod.sales.customers`, see the [runbook](https://wiki.example.com/churn).

| metric | validation |
|---|---|
| ROC AUC | 0.91 |
| recall at 10 % | 0.64 |
"""


@dataclass(frozen=True, slots=True)
class ExplorerMetastore:
    """Names and secrets of what was made; `colleague` may use one schema, and execute one model."""

    colleague: str
    recipient: str
    activation_code: str


async def fill(admin: AdminClient, folder: Path) -> ExplorerMetastore:
    """Models of three formats with all that can be set, shares, recipients in each state, people."""
    await _add_models(admin, folder)
    await _add_assistant(admin, folder)
    colleague = await _add_people(admin)
    recipient, code = await _add_shares(admin)
    profile = '{"shareCredentialsVersion": 1, "endpoint": "http://..", "bearerToken": "t"}'
    await admin.provider.providers.create(admin.context, "vendor", profile, "Language models by subscription")
    return ExplorerMetastore(colleague, recipient, code)


async def _add_models(admin: AdminClient, folder: Path) -> None:
    provider, context = admin.provider, admin.context
    for number in range(1, 5):
        files = {
            "model.skops": os.urandom(300_000 + 40_000 * number),
            "conda.yaml": b"dependencies:\n- python=3.11.7\n- pip: [scikit-learn==1.9.1]\n",
            "requirements.txt": b"scikit-learn==1.9.1\nskops==0.16.0\n",
            "input_example.json": b'{"columns": ["age", "country"], "data": [[41, "NL"]]}',
            "data/notes.md": b"# Training\n\nWeek %d.\n" % number,
        }
        path = write_model(folder / f"churn-{number}", files)
        (path / "MLmodel").write_text(_MLMODEL)
        await admin.register(path, str(CHURN))
        await provider.versions.tag(
            context, CHURN, number, TagChange(add={"validation_status": "approved", "week": str(40 + number)})
        )
    await provider.models.update(context, CHURN, SecurableUpdate(comment=_DESCRIPTION))
    await provider.versions.update(context, CHURN, 3, "Trained **without** the *returns* table.")
    await provider.models.tag(context, CHURN, TagChange(add={"task": "classification", "team": "customer"}))
    for alias, number in (("Champion", 3), ("Challenger", 4)):
        await provider.models.set_alias(context, CHURN, alias, number)
    table = {"table": {"name": TABLE, "table_type": "delta", "table_id": "8f3b4f1e"}}
    lineage = {"entities": [{"notebook": {"id": "42"}}], "lineages": [{"source_securables": [table]}]}
    await provider.lineage.emit(context, CHURN, 3, UPSTREAM, lineage)
    await provider.lineage.emit(context, CHURN, 3, DOWNSTREAM, {"entities": [{"job": {"id": "7"}}]})
    await provider.recalls.recall(context, CHURN, 1, "Leaks the label through a column.", 3)
    await provider.uploads.create(context, CHURN, NewVersion(source="runs:/9c1/model", run_id="9c1"))
    await provider.copies.copy(context, CHURN, 3, FullName.parse("prod.ml_team.churn_archive"))
    await admin.register(write_model(folder / "secret"), str(SECRET), "Champion")
    await provider.catalogs.create(context, "dev", "What is being tried")
    await provider.catalogs.create_schema(context, SchemaName.parse("dev.empty"))


async def _add_assistant(admin: AdminClient, folder: Path) -> None:
    await admin.register(write_repository(folder / "assistant"), str(ASSISTANT), "Production")
    weights = folder / "assistant.gguf"
    weights.write_bytes(gguf({"general.architecture": "llama", "general.name": "assistant"}))
    await admin.register(weights, "prod.language.support_assistant_gguf", "Production")


async def _add_people(admin: AdminClient) -> str:
    colleague = await create_user(admin, "bo@example.com")
    await create_user(admin, "ana@example.com")
    await create_user(admin, "nightly-training", PrincipalType.SERVICE_PRINCIPAL)
    await create_group(admin, "data-scientists", "ana@example.com", "nightly-training")
    await grant_privileges(
        admin,
        "bo@example.com",
        on_catalog(Privilege.USE_CATALOG, CHURN.catalog),
        on_schema(Privilege.USE_SCHEMA, str(CHURN.schema_name)),
        on_model(Privilege.EXECUTE, str(CHURN)),
    )
    for privilege in (Privilege.USE_SCHEMA, Privilege.EXECUTE, Privilege.CREATE_MODEL):
        await on_schema(privilege, str(CHURN.schema_name)).grant(admin, "data-scientists")
    return colleague.token


async def _add_shares(admin: AdminClient) -> tuple[str, str]:
    provider, context = admin.provider, admin.context
    code = await admin.share("customer_models", "globex", str(CHURN), str(ASSISTANT))
    await admin.add_schema("customer_models", "prod.research")
    comment = SecurableUpdate(comment="For customers who evaluate our models. *Renewed each quarter.*")
    await provider.shares.update(context, "customer_models", changes=comment)
    await provider.provider_terms.set(
        context, SecurableType.SHARE, "customer_models", version="1.0", text="For evaluation only."
    )
    recipient = (await admin.activate(code, "http://127.0.0.1")).bearer_token
    globex = await recipient_context(admin, "globex")
    terms = await provider.recipient_terms.list(globex, "customer_models", PageRequest())
    await provider.recipient_terms.accept(globex, "customer_models", terms.items[0].digest, "Lee, legal")
    await provider.shares.create(context, "partners")
    networks = ("203.0.113.0/24",)
    await provider.recipients.create(
        context, "initech", comment="Pilot until spring", ip_access_list=networks
    )
    await provider.share_permissions.grant(context, "partners", "initech")
    _, soon = await provider.recipients.create(context, "hooli", lifetime=timedelta(days=12))
    await admin.activate(soon, "http://127.0.0.1")
    waiting = await provider.recipients.rotate_token(context, "hooli", existing_expires_in=timedelta(hours=2))
    await provider.share_permissions.grant(context, "customer_models", "hooli")
    return recipient, waiting
