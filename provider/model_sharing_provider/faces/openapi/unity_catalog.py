"""The registry's routes: Unity Catalog REST, and what SDKs ask of the workspace around it."""

from __future__ import annotations

import msgspec

from model_sharing_protocol import unity_catalog as wire
from model_sharing_protocol import unity_catalog_sharing as sharing
from model_sharing_protocol.errors import AlreadyExists, NotFound
from model_sharing_provider.faces.openapi.routes import (
    ANYTHING,
    NAME,
    PAGE_SIZE,
    SCHEMA_NAME,
    TEXT,
    UNITY_CATALOG_ERRORS,
    YES_OR_NO,
    Face,
    Listing,
    Nothing,
    Query,
    Route,
)
from model_sharing_provider.faces.workspace import SCIM_PREFIX


class Health(msgspec.Struct):
    status: str


class Readiness(msgspec.Struct):
    status: str
    failing: dict[str, str]


class DatabricksConfig(msgspec.Struct):
    """How to authenticate here; there is no OIDC server behind it."""

    oidc_endpoint: str
    workspace_id: str
    cloud: str


class Group(msgspec.Struct):
    value: str
    display: str


class Me(msgspec.Struct, rename="camel"):
    """The holder of the token."""

    id: str
    user_name: str
    display_name: str
    active: bool
    groups: tuple[Group, ...]


_U = wire.PREFIX
_CATALOG = _U + "/catalogs/{name}"
_SCHEMA = _U + "/schemas/{full_name}"
_MODEL = _U + "/models/{full_name}"
_ALIAS = _MODEL + "/aliases/{alias}"
_VERSION = _MODEL + "/versions/{version}"
_SHARE = _U + "/shares/{name}"
_RECIPIENT = _U + "/recipients/{name}"
_PROVIDER = _U + "/providers/{name}"
_ENTITY = _U + "/entity-tag-assignments/{type}/{name}/tags"

_PAGE = (Query("max_results", PAGE_SIZE), Query("page_token", TEXT))
_MASK = (Query("update_mask", {"enum": ["tag_value", "*"]}),)
_FORCE = (Query("force", YES_OR_NO),)
_OF_CATALOG = Query("catalog_name", NAME, required=True)
_IN_PLACE = (Query("catalog_name", NAME), Query("schema_name", NAME))
_WITH_OBJECTS = (Query("include_shared_data", YES_OR_NO),)
_OF_PRINCIPAL = (Query("principal", TEXT),)
_TAKEN = (AlreadyExists,)
_OF_SCHEMA = {"full_name": SCHEMA_NAME}
_OF_ANY = {"type": TEXT, "name": ANYTHING}
_OF_ENTITY = {"type": TEXT, "name": ANYTHING, "key": ANYTHING}

_VERSIONS = Listing("model_versions", wire.ModelVersionInfo)
_ASSIGNMENT = wire.EntityTagAssignment
_ASSIGNMENTS = Listing("tag_assignments", _ASSIGNMENT)
_CHANGE = wire.UpdateSecurable

_CATALOGS = (
    Route("POST", _U + "/catalogs", "New catalog", wire.CatalogInfo, wire.CreateCatalog, errors=_TAKEN),
    Route("GET", _U + "/catalogs", "All catalogs", Listing("catalogs", wire.CatalogInfo), query=_PAGE),
    Route("GET", _CATALOG, "A catalog", wire.CatalogInfo),
    Route("PATCH", _CATALOG, "Change a catalog", wire.CatalogInfo, _CHANGE, errors=_TAKEN),
    Route("DELETE", _CATALOG, "Delete a catalog; with force, all in it", Nothing, query=_FORCE),
    Route(
        "POST",
        _U + "/schemas",
        "New schema",
        wire.SchemaInfo,
        wire.CreateSchema,
        errors=(NotFound, AlreadyExists),
    ),
    Route(
        "GET",
        _U + "/schemas",
        "The schemas of a catalog",
        Listing("schemas", wire.SchemaInfo),
        query=(_OF_CATALOG, *_PAGE),
        errors=(NotFound,),
    ),
    Route("GET", _SCHEMA, "A schema", wire.SchemaInfo, places=_OF_SCHEMA),
    Route("PATCH", _SCHEMA, "Change a schema", wire.SchemaInfo, _CHANGE, errors=_TAKEN, places=_OF_SCHEMA),
    Route("DELETE", _SCHEMA, "Delete a schema", Nothing, query=_FORCE, places=_OF_SCHEMA),
)

_MODELS = (
    Route(
        "POST",
        _U + "/models",
        "New registered model",
        wire.RegisteredModelInfo,
        wire.CreateRegisteredModel,
        errors=(NotFound, AlreadyExists),
    ),
    Route(
        "GET",
        _U + "/models",
        "Registered models: all, of a catalog or of a schema",
        Listing("registered_models", wire.RegisteredModelInfo),
        query=(*_IN_PLACE, *_PAGE),
        errors=(NotFound,),
    ),
    Route("GET", _MODEL, "A registered model", wire.RegisteredModelInfo),
    Route(
        "PATCH",
        _MODEL,
        "Change a registered model",
        wire.RegisteredModelInfo,
        wire.UpdateRegisteredModel,
        errors=_TAKEN,
    ),
    Route(
        "DELETE", _MODEL, "Delete a model; unless force is false, with its versions", Nothing, query=_FORCE
    ),
    Route("PUT", _ALIAS, "Point an alias at a version", wire.ModelAlias, wire.SetAlias),
    Route("GET", _ALIAS, "The version that an alias points at", wire.ModelVersionInfo),
    Route("DELETE", _ALIAS, "Delete an alias", Nothing),
)

_MODEL_VERSIONS = (
    Route(
        "POST",
        _U + "/models/versions",
        "New version, to upload files to",
        wire.ModelVersionInfo,
        wire.CreateModelVersion,
        errors=(NotFound,),
    ),
    Route("GET", _MODEL + "/versions", "The versions of a model", _VERSIONS, query=_PAGE),
    Route("GET", _VERSION, "A version", wire.ModelVersionInfo),
    Route("PATCH", _VERSION, "Change a version", wire.ModelVersionInfo, wire.UpdateModelVersion),
    Route("DELETE", _VERSION, "Delete a version", Nothing),
    Route("PATCH", _VERSION + "/finalize", "Make a version READY", wire.ModelVersionInfo),
    Route(
        "POST",
        _VERSION + "/copy",
        "EXTENSION: copy a version on the server",
        wire.ModelVersionInfo,
        wire.CopyModelVersion,
    ),
    Route("GET", _VERSION + "/lineage", "EXTENSION: a version's lineage", wire.VersionLineage),
    Route(
        "POST",
        _U + "/temporary-model-version-credentials",
        "How to move a version's files",
        wire.TemporaryCredentials,
        wire.TemporaryCredentialsRequest,
        errors=(NotFound,),
    ),
)

_TAGS = (
    Route(
        "PATCH",
        _U + "/securable-tags/{type}/{name}",
        "Change a model's tags",
        Nothing,
        wire.UpdateTags,
        places=_OF_ANY,
    ),
    Route(
        "PATCH",
        _U + "/subentity-tags/{type}/{name}/{version}",
        "Change a version's tags",
        Nothing,
        wire.UpdateTags,
        places=_OF_ANY,
    ),
    Route("POST", _U + "/entity-tag-assignments", "Set a tag", _ASSIGNMENT, _ASSIGNMENT, errors=(NotFound,)),
    Route("GET", _ENTITY, "The tags of a model or version", _ASSIGNMENTS, query=_PAGE, places=_OF_ENTITY),
    Route("GET", _ENTITY + "/{key}", "A tag", _ASSIGNMENT, places=_OF_ENTITY),
    Route(
        "PATCH",
        _ENTITY + "/{key}",
        "Set a tag",
        _ASSIGNMENT,
        wire.UpdateEntityTag,
        query=_MASK,
        places=_OF_ENTITY,
    ),
    Route("DELETE", _ENTITY + "/{key}", "Remove a tag", Nothing, places=_OF_ENTITY),
)

_GRANTS = (
    Route(
        "GET",
        _U + "/permissions/{type}/{name}",
        "Who was granted what on a securable",
        wire.Permissions,
        query=(*_OF_PRINCIPAL, *_PAGE),
        places=_OF_ANY,
    ),
    Route(
        "PATCH",
        _U + "/permissions/{type}/{name}",
        "Grant and revoke",
        wire.Permissions,
        wire.UpdatePermissions,
        places=_OF_ANY,
    ),
    Route(
        "GET",
        _U + "/effective-permissions/{type}/{name}",
        "Who was granted what, here and on what is above",
        wire.EffectivePermissions,
        query=(*_OF_PRINCIPAL, *_PAGE),
        places=_OF_ANY,
    ),
)

_SHARES = (
    Route("POST", _U + "/shares", "New share", sharing.ShareInfo, sharing.CreateShare, errors=_TAKEN),
    Route("GET", _U + "/shares", "All shares", Listing("shares", sharing.ShareInfo), query=_PAGE),
    Route("GET", _SHARE, "A share", sharing.ShareInfo, query=_WITH_OBJECTS),
    Route(
        "PATCH",
        _SHARE,
        "Change a share and what is in it",
        sharing.ShareInfo,
        sharing.UpdateShare,
        errors=_TAKEN,
    ),
    Route("DELETE", _SHARE, "Delete a share", Nothing),
    Route("GET", _SHARE + "/permissions", "Whom a share is granted to", wire.Permissions, query=_PAGE),
    Route(
        "PATCH",
        _SHARE + "/permissions",
        "Grant and revoke a share",
        wire.Permissions,
        wire.UpdatePermissions,
    ),
)

_RECIPIENTS = (
    Route(
        "POST",
        _U + "/recipients",
        "New recipient, with its activation link",
        sharing.RecipientInfo,
        sharing.CreateRecipient,
        errors=_TAKEN,
    ),
    Route(
        "GET", _U + "/recipients", "All recipients", Listing("recipients", sharing.RecipientInfo), query=_PAGE
    ),
    Route("GET", _RECIPIENT, "A recipient", sharing.RecipientInfo),
    Route(
        "PATCH",
        _RECIPIENT,
        "Change a recipient",
        sharing.RecipientInfo,
        sharing.UpdateRecipient,
        errors=_TAKEN,
    ),
    Route("DELETE", _RECIPIENT, "Delete a recipient", Nothing),
    Route(
        "POST",
        _RECIPIENT + "/rotate-token",
        "New activation link",
        sharing.RecipientInfo,
        sharing.RotateToken,
    ),
    Route(
        "GET",
        _RECIPIENT + "/share-permissions",
        "What a recipient was granted",
        sharing.RecipientSharePermissions,
        query=_PAGE,
    ),
)

_PROVIDERS = (
    Route(
        "POST",
        _U + "/providers",
        "Add a provider",
        sharing.ProviderInfo,
        sharing.CreateProvider,
        errors=_TAKEN,
    ),
    Route("GET", _U + "/providers", "All providers", Listing("providers", sharing.ProviderInfo), query=_PAGE),
    Route("GET", _PROVIDER, "A provider", sharing.ProviderInfo),
    Route(
        "PATCH", _PROVIDER, "Change a provider", sharing.ProviderInfo, sharing.UpdateProvider, errors=_TAKEN
    ),
    Route("DELETE", _PROVIDER, "Forget a provider", Nothing),
    Route(
        "GET",
        _PROVIDER + "/shares",
        "What it shares with us",
        Listing("shares", sharing.ProviderShare),
        query=_PAGE,
    ),
)

_WORKSPACE = (
    Route("GET", _U + "/metastore_summary", "The metastore", wire.MetastoreSummary),
    Route("GET", _U + "/current-metastore-assignment", "The metastore's id", wire.MetastoreAssignment),
    Route("GET", SCIM_PREFIX + "/Me", "Whose token this is", Me),
    Route("GET", "/.well-known/databricks-config", "Where to authenticate", DatabricksConfig, public=True),
    Route("GET", "/health", "Whether the server is up", Health, public=True),
    Route("GET", "/ready", "Whether it can serve now; 503 names what is failing", Readiness, public=True),
)

FACE = Face(
    title="Unity Catalog",
    about="The registry for SDKs and administrators, by the bearer token of a principal.",
    json=wire.JSON,
    errors=UNITY_CATALOG_ERRORS,
    routes=(
        *_CATALOGS,
        *_MODELS,
        *_MODEL_VERSIONS,
        *_TAGS,
        *_GRANTS,
        *_SHARES,
        *_RECIPIENTS,
        *_PROVIDERS,
        *_WORKSPACE,
    ),
)
