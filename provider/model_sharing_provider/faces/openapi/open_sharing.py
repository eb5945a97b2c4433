"""The recipients' routes: shares under `/delta-sharing`, activation links, and files by signed URL."""

from __future__ import annotations

import msgspec

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol.errors import ActivationLinkUsed, InvalidParameter, NotFound, PermissionDenied
from model_sharing_protocol.signing_keys import KeyList
from model_sharing_provider.faces.openapi.routes import (
    ANYTHING,
    NOT_MODIFIED,
    OPEN_SHARING_ERRORS,
    PAGE_SIZE,
    SIGNED,
    TEXT,
    UUID,
    Face,
    Media,
    Query,
    Route,
)
from model_sharing_provider.http.activation_links import ACTIVATION_PATH, ACTIVATION_PREFIX
from model_sharing_provider.http.file_urls import FILES_PREFIX


class ProfileFile(msgspec.Struct, rename="camel"):
    """What an activation link gives, once."""

    share_credentials_version: int
    endpoint: str
    bearer_token: str
    expiration_time: str


_SHARE = wire.PREFIX + "/shares/{share}"
_SCHEMA = _SHARE + "/schemas/{schema}"
_MODELS = _SCHEMA + "/models"
_MODEL = _MODELS + "/{model}"
_VERSIONS = _MODEL + "/versions"
_VERSION = _VERSIONS + "/{version}"
_ALIAS = _MODEL + "/aliases/{alias}"
_TABLES = _SCHEMA + "/tables"
_TABLE = _TABLES + "/{table}"
_CREDENTIALS = _VERSION + "/temporary-model-version-credentials"
_CREDENTIALS_TOO = _VERSION + "/temporary-model-credentials"
_INFO = ACTIVATION_PREFIX + "/data_sharing_activation_info/{code}"

_PAGE = (Query("maxResults", PAGE_SIZE), Query("pageToken", TEXT))
_CODE = {"code": ANYTHING}
_SIGNED_PLACES = {"version": UUID, "session": UUID, "number": {"type": "integer", "minimum": 1}}
_BY_LINK = (InvalidParameter, PermissionDenied, NotFound)
_FILE = Media("application/octet-stream")
_VERSION_LINES = Media(wire.NDJSON, wire.VersionQueryLine)
_TABLE_LINES = Media(wire.NDJSON, wire.TableQueryLine)
_SHARE_PAGE = wire.Items[wire.Share]
_SCHEMA_PAGE = wire.Items[wire.Schema]
_MODEL_PAGE = wire.Items[wire.RegisteredModel]
_VERSION_PAGE = wire.Items[wire.ModelVersion]
_ALIAS_PAGE = wire.Items[wire.Alias]
_TABLE_PAGE = wire.Items[wire.Table]

_SHARES = (
    Route("GET", wire.PREFIX + "/keys", "EXTENSION: the keys that answers are signed with", KeyList),
    Route("GET", wire.PREFIX + "/shares", "The shares granted to you", _SHARE_PAGE, query=_PAGE),
    Route("GET", _SHARE, "A share", wire.ShareAnswer),
    Route("GET", _SHARE + "/schemas", "The schemas of a share", _SCHEMA_PAGE, query=_PAGE),
    Route("GET", _SHARE + "/all-models", "All models of a share", _MODEL_PAGE, query=_PAGE),
    Route("GET", _MODELS, "The models of a schema", _MODEL_PAGE, query=_PAGE),
    Route("GET", _MODEL, "A model", wire.RegisteredModel),
    Route("GET", _VERSIONS, "The versions of a model that are READY", _VERSION_PAGE, query=_PAGE),
    Route("GET", _VERSION, "A version", wire.ModelVersion, statuses=(200, NOT_MODIFIED)),
    Route("GET", _MODEL + "/aliases", "EXTENSION: the aliases of a model", _ALIAS_PAGE, query=_PAGE),
    Route(
        "GET", _ALIAS, "The version that an alias points at", wire.ModelVersion, statuses=(200, NOT_MODIFIED)
    ),
    Route("POST", _VERSION + "/query", "EXTENSION: a version's files as signed URLs", _VERSION_LINES),
    Route("POST", _ALIAS + "/query", "EXTENSION: the same, of the version behind an alias", _VERSION_LINES),
    # Storage that cannot vend credentials refuses, with the way to go instead.
    Route("POST", _CREDENTIALS, "Credentials for a version's storage", wire.TemporaryCredentials),
    Route(
        "POST", _CREDENTIALS_TOO, "The same, by the path of the protocol's README", wire.TemporaryCredentials
    ),
    Route("GET", _SHARE + "/all-tables", "All tables of a share", _TABLE_PAGE, query=_PAGE),
    Route("GET", _TABLES, "The tables of a schema", _TABLE_PAGE, query=_PAGE),
    Route("GET", _TABLE + "/version", "A table's version, in the header delta-table-version", None),
    Route("GET", _TABLE + "/metadata", "A table's protocol and metadata", _TABLE_LINES),
    Route("POST", _TABLE + "/query", "A table's files as signed URLs", _TABLE_LINES),
)

_ACTIVATION = (
    Route(
        "GET",
        _INFO,
        "What an activation link is for, without using it up",
        wire.ActivationInfo,
        errors=_BY_LINK,
        places=_CODE,
        public=True,
    ),
    Route(
        "GET",
        ACTIVATION_PATH + "/{code}",
        "The profile file, once",
        ProfileFile,
        errors=(*_BY_LINK, ActivationLinkUsed),
        places=_CODE,
        public=True,
    ),
)

_SIGNED_FILES = (
    Route(
        "GET",
        FILES_PREFIX + "/versions/{version}/{sha256}",
        "A file of a version, whole or a range of it",
        _FILE,
        query=SIGNED,
        errors=_BY_LINK,
        statuses=(200, 206, 416),
        places=_SIGNED_PLACES,
        public=True,
    ),
    Route(
        "POST",
        FILES_PREFIX + "/versions/{version}/pack",
        "Many small files of a version, one after the other",
        _FILE,
        wire.PackRequest,
        query=SIGNED,
        errors=(*_BY_LINK, InvalidParameter),
        places=_SIGNED_PLACES,
        public=True,
    ),
    Route(
        "GET",
        FILES_PREFIX + "/tables/{sha256}",
        "A table's file, whole or a range of it",
        _FILE,
        query=SIGNED,
        errors=_BY_LINK,
        statuses=(200, 206, 416),
        public=True,
    ),
    Route(
        "GET",
        FILES_PREFIX + "/files/{version}/{sha256}",
        "A file of a version for the registry's principals, whole or a range of it",
        _FILE,
        query=SIGNED,
        errors=_BY_LINK,
        statuses=(200, 206, 416),
        places=_SIGNED_PLACES,
        public=True,
    ),
    Route(
        "PUT",
        FILES_PREFIX + "/uploads/{version}/file/{path}",
        "Upload a file",
        None,
        _FILE,
        query=SIGNED,
        errors=_BY_LINK,
        places=_SIGNED_PLACES,
        public=True,
    ),
    Route(
        "PUT",
        FILES_PREFIX + "/uploads/{version}/new-file/{path}",
        "Upload a file that replaces none",
        None,
        _FILE,
        query=SIGNED,
        errors=_BY_LINK,
        places=_SIGNED_PLACES,
        public=True,
    ),
    Route(
        "PUT",
        FILES_PREFIX + "/uploads/{version}/part/{session}/{number}",
        "Upload a part of a file",
        None,
        _FILE,
        query=SIGNED,
        errors=_BY_LINK,
        places=_SIGNED_PLACES,
        public=True,
    ),
    Route(
        "DELETE",
        FILES_PREFIX + "/uploads/{version}/session/{session}",
        "Give up an upload in parts",
        None,
        query=SIGNED,
        errors=_BY_LINK,
        places=_SIGNED_PLACES,
        public=True,
    ),
)

FACE = Face(
    title="OpenSharing",
    about="Shares of models as recipients see them, by the bearer token of a profile file; signed URLs.",
    json=wire.JSON,
    errors=OPEN_SHARING_ERRORS,
    routes=(*_SHARES, *_ACTIVATION, *_SIGNED_FILES),
)
