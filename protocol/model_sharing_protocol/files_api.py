"""The messages of the Files API `/api/2.0/fs`.

Source: Databricks Files API, with the fields that `databricks.sdk` 0.156 and MLflow 3.17 use. Sizes are
bytes, times epoch milliseconds.
"""

from __future__ import annotations

import msgspec

from model_sharing_protocol.errors import AlreadyExists, ErrorRow, NotFound

PREFIX = "/api/2.0/fs"
JSON = "application/json"
_CODES = {NotFound.row: "NOT_FOUND", AlreadyExists.row: "ALREADY_EXISTS"}


def error_code(row: ErrorRow) -> str:
    """Error code in this API, which has some codes of its own.

    MLflow recognizes only NOT_FOUND as a missing directory; the SDK raises AlreadyExists for its own code.
    """
    return _CODES.get(row, row.unity_catalog_code)


class _Message(msgspec.Struct, omit_defaults=True):
    """Message of the Files API; unknown fields are ignored."""


class DirectoryEntry(_Message):
    path: str
    name: str
    is_directory: bool
    last_modified: int
    file_size: int | None = None


class Directory(_Message):
    contents: tuple[DirectoryEntry, ...]
    next_page_token: str = ""


class PathRequest(_Message):
    path: str = ""


class UploadUrlRequest(_Message):
    path: str
    overwrite: bool = True


class Header(msgspec.Struct):
    name: str
    value: str


class PresignedUrl(msgspec.Struct):
    """Presigned URL; send `headers` with the request to it. Only some buckets need any."""

    url: str
    headers: tuple[Header, ...] = ()


class MultipartSession(msgspec.Struct):
    session_token: str


class InitiatedUpload(msgspec.Struct):
    multipart_upload: MultipartSession


class PartUrlsRequest(_Message):
    path: str
    session_token: str
    start_part_number: int = 1
    count: int = 1


class PartUrl(msgspec.Struct):
    url: str
    part_number: int
    headers: tuple[Header, ...] = ()


class PartUrls(msgspec.Struct):
    upload_part_urls: tuple[PartUrl, ...]


class UploadedPart(_Message):
    part_number: int
    etag: str


class CompleteUpload(_Message):
    parts: tuple[UploadedPart, ...] = ()


class AbortRequest(_Message):
    path: str
    session_token: str


class AbortUrl(msgspec.Struct):
    abort_upload_url: PresignedUrl
