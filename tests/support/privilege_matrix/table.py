"""Privilege matrix: one row for each way to be allowed each operation of the provider.

After "Manage model lifecycle in Unity Catalog" ("Permissions required"). Whoever holds all privileges of a
row may do its operation: `provider/test_privileges.py` tries each row with all of them, and without each one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import chain

from model_sharing_protocol.names import SchemaName, SharedName
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import ShareObjectType
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.governance.permissions import PrivilegeChange
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.registry.tags import TagChange
from model_sharing_provider.services.sharing.shares import ShareChange
from support.privilege_matrix.arguments import (
    COMMENT,
    MOVED,
    NEW_NAME,
    OWNER,
    PAGE,
    PROFILE,
    Chunks,
    a_file,
    a_folder,
    a_location,
    a_new_folder,
    a_recipients_token,
    a_replacement,
    a_session,
    a_session_to_sign,
    a_source,
    a_token,
    a_version,
    a_waiting_version,
    all_parts,
    an_old_key,
    another_database,
    signed,
    signed_upload,
    waiting,
)
from support.privilege_matrix.requirements import (
    ADMINISTRATION,
    APPLY_TAG,
    AUDIT,
    CREATE_IN_LAB,
    CREATE_MODEL,
    CREATE_SCHEMA,
    EXECUTE,
    EXECUTE_STAGED,
    MANAGE_PROD,
    MANAGE_SCORER,
    MANAGE_TEAM,
    NEW,
    NOTHING,
    OWN,
    OWN_CATALOG,
    OWN_PROVIDER,
    OWN_RECIPIENT,
    OWN_SCHEMA,
    OWN_SHARE,
    PROD,
    RENAME,
    SCORER,
    STAGED,
    TEAM,
    USE_CATALOG,
    USE_SCHEMA,
    on_metastore,
)
from support.privilege_matrix.rows import Privileges, Row, row, rows


def _permissions(
    kind: SecurableType, name: str, ways: tuple[Privileges, ...], privilege: Privilege
) -> list[Row]:
    change = [PrivilegeChange("other", add=frozenset({privilege}))]
    of = f"on a {kind.value.lower()}"
    return [
        row(f"permissions.get: {of}", ways[-1], kind, name),
        row(f"permissions.effective: {of}", ways[-1], kind, name),
        *rows(f"permissions.update: {of}", ways, kind, name, change),
    ]


SECTIONS: Mapping[str, list[Row]] = {
    "Metastore and principals": [
        row("catalogs.metastore", NOTHING),
        row("principals.who_am_i", NOTHING),
        row("principals.create", ADMINISTRATION, "new", PrincipalType.USER),
        row("principals.page", ADMINISTRATION, PAGE),
        row("principals.get", ADMINISTRATION, "other"),
        row("principals.delete", ADMINISTRATION, "other"),
        row("principals.add_member", ADMINISTRATION, "team", "ana"),
        row("principals.remove_member", ADMINISTRATION, "team", "other"),
        row("principals.create_token", ADMINISTRATION, "other"),
        row("principals.delete_token", ADMINISTRATION, "other", prepare=a_token),
        row("audit.latest", ADMINISTRATION, 1),
        row("audit.export", ADMINISTRATION, prepare=a_file),
        row("audit.prune", ADMINISTRATION, timedelta(days=400)),
        row("backups.create", ADMINISTRATION, prepare=a_new_folder),
        row("backups.announce", ADMINISTRATION),
        row("backups.compact", ADMINISTRATION),
        row("backups.copy_to", ADMINISTRATION, prepare=another_database),
        row("fsck.check", ADMINISTRATION),
        row("gc.collect", ADMINISTRATION, lineage_older_than=timedelta(days=400)),
        row("tracking.admit", NOTHING, "GET /experiments/search"),
    ],
    "Catalogs and schemas": [
        row("catalogs.page", NOTHING, PAGE),
        row("catalogs.create", on_metastore(Privilege.CREATE_CATALOG), "new"),
        row("catalogs.get", USE_CATALOG, PROD),
        row("catalogs.update: name", OWN_CATALOG, PROD, NEW_NAME),
        row("catalogs.update: comment", OWN_CATALOG, PROD, COMMENT),
        *rows("catalogs.update: owner", MANAGE_PROD, PROD, OWNER),
        row("catalogs.delete", OWN_CATALOG, PROD, force=True),
        row("catalogs.create_schema", CREATE_SCHEMA, SchemaName(PROD, "new")),
        row("catalogs.page_schemas", USE_CATALOG, PROD, PAGE),
        row("catalogs.get_schema", USE_SCHEMA, TEAM),
        row("catalogs.update_schema: name", OWN_SCHEMA, TEAM, NEW_NAME),
        row("catalogs.update_schema: comment", OWN_SCHEMA, TEAM, COMMENT),
        *rows("catalogs.update_schema: owner", MANAGE_TEAM, TEAM, OWNER),
        row("catalogs.delete_schema", OWN_SCHEMA, TEAM, force=True),
    ],
    "Models": [
        row("models.create", CREATE_MODEL, NEW, tags={"task": "claims"}),
        row("models.page", USE_SCHEMA, TEAM, PAGE),
        row("models.search", NOTHING, PAGE),
        row("models.search_catalog", NOTHING, PAGE, PROD),
        row("models.get", EXECUTE, SCORER),
        row("models.update: comment", OWN, SCORER, COMMENT),
        *rows("models.update: owner", MANAGE_SCORER, SCORER, OWNER),
        row("models.update: name", RENAME, SCORER, NEW_NAME),
        row("models.update: schema", (*RENAME, *CREATE_IN_LAB), SCORER, MOVED),
        row("models.delete", OWN, SCORER),
        row("models.set_alias", OWN, SCORER, "Next", 1),
        row("models.delete_alias", OWN, SCORER, "Champion"),
        row("models.tag", APPLY_TAG, SCORER, TagChange({"task": "claims"}, ["old"])),
        row("models.tag", OWN, SCORER, TagChange({"task": "claims"}, ["old"])),
    ],
    "Versions": [
        row("versions.page", EXECUTE, SCORER, PAGE),
        row("versions.page_of_run", NOTHING, "run", PAGE),
        row("versions.get", EXECUTE, SCORER, 1),
        row("flavors.of_version", EXECUTE, SCORER, 1),
        row("versions.get_by_alias", EXECUTE, SCORER, "champion"),
        row("versions.update", OWN, SCORER, 1, "the first"),
        row("versions.delete", OWN, SCORER, 1),
        row("recalls.recall", OWN, SCORER, 1, "Wrong labels", prepare=a_replacement),
        row("recalls.lift", OWN, SCORER, 1),
        row("versions.tag", APPLY_TAG, SCORER, 1, TagChange({"checked": "yes"})),
        row("versions.tag", OWN, SCORER, 1, TagChange({"checked": "yes"})),
    ],
    "New versions, by registration, upload and copy": [
        row("registration.register: new version", OWN, prepare=a_folder, name=SCORER, alias="New"),
        row("registration.register: new model", CREATE_MODEL, prepare=a_folder, name=NEW),
        row("registration.find_unchanged", OWN, prepare=a_source, name=SCORER),
        row("registration.find_same", OWN, prepare=a_version),
        row("registration.register_in_place: new version", OWN, prepare=a_location, name=SCORER, alias="New"),
        row("registration.register_in_place: new model", CREATE_MODEL, prepare=a_location, name=NEW),
        row("uploads.create", OWN, SCORER, NewVersion(tags={"task": "claims"}, lineage={"entities": []})),
        row(
            "uploads.create: from another model",
            (*OWN, *EXECUTE_STAGED),
            SCORER,
            NewVersion(source=f"models:/{STAGED}/1"),
        ),
        row("uploads.begin", OWN, SCORER, 2, prepare=waiting),
        row("uploads.write", OWN, path="more", chunks=Chunks(), prepare=a_waiting_version),
        row("uploads.check_absent", OWN, path="more", prepare=a_waiting_version),
        row("uploads.remove", OWN, SCORER, 2, "MLmodel", prepare=waiting),
        row("multipart.begin", OWN, SCORER, 2, "big", prepare=waiting),
        row("multipart.write_part", OWN, number=1, chunks=Chunks(), prepare=a_session),
        row("multipart.complete", OWN, SCORER, 2, "big", prepare=all_parts),
        row("multipart.abort", OWN, prepare=a_session),
        row("finalization.finalize", OWN, SCORER, 2, prepare=waiting),
        row("copies.copy: new version", (*EXECUTE_STAGED, *OWN), STAGED, 1, SCORER),
        row("copies.copy: new model", (*EXECUTE_STAGED, *CREATE_MODEL), STAGED, 1, NEW),
    ],
    "Files, to load a model and to upload one": [
        row("principal_files.folder", EXECUTE, SCORER, 1, ""),
        row("principal_files.open_path", EXECUTE, SCORER, 1, "MLmodel"),
        row("principal_files.sign", EXECUTE, SCORER, 1, "MLmodel"),
        row("principal_files.open", EXECUTE, prepare=signed),
        row(
            "principal_files.sign_session_uploads",
            OWN,
            SCORER,
            2,
            "big",
            upload_suffixes=["part/x/1"],
            prepare=a_session_to_sign,
        ),
        row("principal_files.sign_file_upload", OWN, SCORER, 2, "x", "file/x", prepare=waiting),
        row("principal_files.accept_upload", OWN, prepare=signed_upload),
        row("principal_credentials.read", EXECUTE, SCORER, 1),
        row("principal_credentials.write", OWN, SCORER, 2, prepare=waiting),
    ],
    "Lineage": [
        row("lineage.emit", EXECUTE, SCORER, 1, "DOWNSTREAM", {"job": "nightly"}),
        row("lineage.of_version", EXECUTE, SCORER, 1),
    ],
    "Grants": [
        *_permissions(SecurableType.METASTORE, "", (ADMINISTRATION,), Privilege.CREATE_SHARE),
        *_permissions(SecurableType.CATALOG, PROD, MANAGE_PROD, Privilege.USE_CATALOG),
        *_permissions(SecurableType.SCHEMA, str(TEAM), MANAGE_TEAM, Privilege.USE_SCHEMA),
        *_permissions(SecurableType.MODEL, str(SCORER), MANAGE_SCORER, Privilege.EXECUTE),
        row("permissions.get: one's own", NOTHING, SecurableType.MODEL, str(SCORER), "ana"),
        row("permissions.effective: one's own", NOTHING, SecurableType.MODEL, str(SCORER), "ana"),
    ],
    "Shares and recipients": [
        row("shares.page", NOTHING, PAGE),
        row("shares.overview", NOTHING, PAGE),
        row("shares.of_model", EXECUTE, SCORER),
        row("shares.create", on_metastore(Privilege.CREATE_SHARE), "new"),
        row("shares.get", OWN_SHARE, "acme"),
        row("shares.update: name", OWN_SHARE, "acme", (), NEW_NAME),
        row(
            "shares.update: add a model",
            (*OWN_SHARE, *EXECUTE),
            "acme",
            [ShareChange(True, ShareObjectType.MODEL, str(SCORER))],
        ),
        row("shares.add_model", (*OWN_SHARE, *EXECUTE), "acme", SCORER, SharedName("models", "scorer")),
        row("shares.add_schema", (*OWN_SHARE, *USE_SCHEMA), "acme", TEAM),
        row("shares.remove", OWN_SHARE, "acme", "lab.scorer"),
        row("share_permissions.get", OWN_SHARE, "acme"),
        row("share_permissions.grant", (*OWN_SHARE, *OWN_RECIPIENT), "acme", "globex"),
        row("share_permissions.revoke", OWN_SHARE, "acme", "initech"),
        row(
            "share_permissions.update",
            (*OWN_SHARE, *OWN_RECIPIENT),
            "acme",
            [
                PrivilegeChange("initech", remove=frozenset({Privilege.SELECT})),
                PrivilegeChange("globex", add=frozenset({Privilege.SELECT})),
            ],
        ),
        row("provider_terms.history: share", OWN_SHARE, SecurableType.SHARE, "acme"),
        row(
            "provider_terms.set: share", OWN_SHARE, SecurableType.SHARE, "acme", version="2", text="Be nice."
        ),
        row("provider_terms.clear: share", OWN_SHARE, SecurableType.SHARE, "acme"),
        row("provider_terms.history: model", EXECUTE, SecurableType.MODEL, str(SCORER)),
        row("provider_terms.set: model", OWN, SecurableType.MODEL, str(SCORER), version="2", text="Be nice."),
        row("provider_terms.clear: model", OWN, SecurableType.MODEL, str(SCORER)),
        row("provider_terms.acceptances", OWN_RECIPIENT, "globex"),
        row("pull_history.who_pulled", AUDIT, SCORER, 1),
        row("pull_history.impact_of_model", OWN, SCORER, 1),
        row("pull_history.impact_of_share", OWN_SHARE, "acme"),
        row("pull_history.impact_of_recipient", OWN_RECIPIENT, "globex"),
        row("shares.delete", OWN_SHARE, "acme"),
        row("recipients.page", NOTHING, PAGE),
        row("recipients.overview", NOTHING, PAGE),
        row("recipients.create", on_metastore(Privilege.CREATE_RECIPIENT), "new"),
        row("recipients.get", OWN_RECIPIENT, "globex"),
        row("recipients.update: comment", OWN_RECIPIENT, "globex", COMMENT, ["10.0.0.0/8"]),
        row("recipients.rotate_token", OWN_RECIPIENT, "globex", existing_expires_in=timedelta(0)),
        row("recipients.revoke_token", OWN_RECIPIENT, "globex", prepare=a_recipients_token),
        row("recipients.delete", OWN_RECIPIENT, "globex"),
    ],
    "Server secrets and signing keys": [
        row("secrets.describe", ADMINISTRATION),
        row("secrets.rotate", ADMINISTRATION),
        row("signing.rotate", ADMINISTRATION),
        row("signing.start_over", ADMINISTRATION),
        row("signing.retire", ADMINISTRATION, prepare=an_old_key),
    ],
    "Providers": [
        row("providers.page", NOTHING, PAGE),
        row("providers.create", on_metastore(Privilege.CREATE_PROVIDER), "new", PROFILE),
        row("providers.get", OWN_PROVIDER, "umbrella"),
        row("providers.update: comment", OWN_PROVIDER, "umbrella", COMMENT, PROFILE),
        row("providers.delete", OWN_PROVIDER, "umbrella"),
    ],
}
TABLE = list(chain.from_iterable(SECTIONS.values()))


_OF_RECIPIENTS = "recipients only: SELECT on the share decides, see test_access_matrix"
ELSEWHERE: Mapping[str, str] = {
    "principals.authenticate": "signing in: the token is looked at, see test_inheritance",
    "recipients.authenticate": "signing in: the token is looked at, see test_tokens",
    "recipients.activate": "the activation link is the permission, see test_tokens",
    "recipients.activation_info": "the activation link is the permission, see test_tokens",
    "providers.shares": "asks the provider itself: see the test of its owner in test_privileges",
    "origin_signatures.check": "reads a version of another provider's: see test_shared_catalogs",
    "shared_catalogs.create": "asks a provider: see test_who_may_make_a_catalog_from_a_share",
    "catalog_pulls.pull": "asks a provider: see test_who_may_pull_a_catalog",
    "catalog_pulls.start": "asks a provider: see test_who_may_pull_a_catalog",
    "shared_catalogs.sync": "asks a provider: see test_who_may_make_a_catalog_from_a_share",
    "signed_files.verify": "whose URL came back: `recipient_files.open` and `principal_files.open` decide",
    "signed_files.locate": "waits for the bytes of what one of them opened, and looks whether that holds",
    "signed_files.access_ended": "watches a transfer that one of them let begin",
    "recipient_files.open": "recipients only: a URL signed under a grant, see test_signed_files",
    "recipient_files.open_pack": "recipients only: a URL signed under a grant, as for `recipient_files.open`",
    "changes.list": _OF_RECIPIENTS,
    "changes.wait": "decides nothing: whoever waited is authorized by `changes.list`, see test_change_feed",
    "recipient_files.version_files": _OF_RECIPIENTS,
    "recipient_credentials.read": _OF_RECIPIENTS,
    "recipient_terms.list": _OF_RECIPIENTS,
    "recipient_terms.accept": _OF_RECIPIENTS,
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
