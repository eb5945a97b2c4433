"""The Files API's routes: files of versions by path, presigned URLs, and uploads in parts.

A path has any number of parts, which OpenAPI cannot write: where aiohttp has `{path}`, the description
names the parts that every path has.
"""

from __future__ import annotations

import msgspec

from model_sharing_protocol import files as wire
from model_sharing_protocol.errors import AlreadyExists, DiskFull, ErrorRow, NotFound
from model_sharing_protocol.unity_catalog import ErrorAnswer
from model_sharing_provider.faces.openapi.routes import (
    PAGE_SIZE,
    TEXT,
    YES_OR_NO,
    Errors,
    Face,
    Media,
    Nothing,
    Query,
    Route,
)


class MultipartAnswer(msgspec.Struct):
    """The upload that was begun; empty when one was completed."""

    multipart_upload: wire.MultipartSession | None = None


def _look(row: ErrorRow) -> tuple[int, str]:
    return row.unity_catalog_status, wire.error_code(row)


_FILES = wire.PREFIX + "/files{path}"
_DIRECTORIES = wire.PREFIX + "/directories{path}"
_VERSION = "/Models/{catalog}/{schema}/{model}/{version}"
_FILE = wire.PREFIX + "/files" + _VERSION + "/{path}"
_ROOT = wire.PREFIX + "/directories" + _VERSION
_DIRECTORY = _ROOT + "/{path}"
_ARTIFACT = "/WorkspaceInternal/Mlflow/Artifacts/{artifact}"
_RUN_FOLDER = wire.PREFIX + "/directories" + _ARTIFACT
_RUN_FILE = wire.PREFIX + "/files" + _ARTIFACT

_BYTES = Media("application/octet-stream")
_RANGES = (200, 206, 416)
_PAGE = (Query("page_size", PAGE_SIZE), Query("page_token", TEXT))
_BY_QUERY = (Query("path", TEXT), Query("expire_time", TEXT))
_ACTIONS = {"type": "string", "enum": ["initiate-upload", "complete-upload"]}
_MULTIPART = (
    Query("action", _ACTIONS, required=True),
    Query("upload_type", TEXT),
    Query("session_token", TEXT),
    Query("overwrite", YES_OR_NO),
)
_OVERWRITE = (Query("overwrite", YES_OR_NO),)
_ABSENT = (NotFound,)
_UPLOADED = (DiskFull, AlreadyExists)

FACE = Face(
    title="Files",
    about="The Files API for the files of versions, by the bearer token of a principal.",
    json=wire.JSON,
    errors=Errors(ErrorAnswer, "error_code", _look),
    routes=(
        Route("GET", _DIRECTORIES, "A version's files", wire.Directory, query=_PAGE, written=_ROOT),
        Route("GET", _DIRECTORIES, "A folder's files", wire.Directory, query=_PAGE, written=_DIRECTORY),
        Route(
            "PUT",
            _DIRECTORIES,
            "A folder that is there; others come with their files",
            Nothing,
            written=_DIRECTORY,
        ),
        Route("GET", _FILES, "A file, whole or a range of it", _BYTES, statuses=_RANGES, written=_FILE),
        Route(
            "PUT", _FILES, "Upload a file", Nothing, _BYTES, query=_OVERWRITE, errors=_UPLOADED, written=_FILE
        ),
        Route("DELETE", _FILES, "Take an uploaded file back", Nothing, written=_FILE),
        Route(
            "POST",
            _FILES,
            "Begin or complete an upload in parts",
            MultipartAnswer,
            wire.CompleteUpload,
            query=_MULTIPART,
            errors=_UPLOADED,
            body_required=False,
            written=_FILE,
        ),
        Route(
            "POST",
            wire.PREFIX + "/create-download-url",
            "A presigned URL to fetch a file from; the path may be in the query too",
            wire.PresignedUrl,
            wire.PathRequest,
            query=_BY_QUERY,
            errors=_ABSENT,
            body_required=False,
        ),
        Route(
            "POST",
            wire.PREFIX + "/create-upload-url",
            "A presigned URL to PUT a file to",
            wire.PresignedUrl,
            wire.UploadUrlRequest,
            query=_OVERWRITE,
            errors=(NotFound, AlreadyExists),
        ),
        Route(
            "POST",
            wire.PREFIX + "/create-upload-part-urls",
            "Presigned URLs to PUT parts to",
            wire.PartUrls,
            wire.PartUrlsRequest,
            errors=_ABSENT,
        ),
        Route(
            "POST",
            wire.PREFIX + "/create-abort-upload-url",
            "A presigned URL to give an upload up",
            wire.AbortUrl,
            wire.AbortRequest,
            errors=_ABSENT,
        ),
        Route("GET", _RUN_FOLDER, "A folder of a run's or logged model's artifacts", wire.Directory),
        Route("GET", _RUN_FILE, "An artifact, whole or a range of it", _BYTES, statuses=_RANGES),
        Route("PUT", _RUN_FILE, "Upload an artifact", Nothing, _BYTES),
        Route("POST", _RUN_FILE, "Begin an upload, which is then sent whole", wire.InitiatedUpload),
    ),
)
