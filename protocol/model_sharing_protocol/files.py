"""The messages of the Files API `/api/2.0/fs`.

Source: Databricks Files API, with the fields that `databricks.sdk` 0.156 and MLflow 3.17 use. Sizes are
bytes, times epoch milliseconds.
"""

from __future__ import annotations

import msgspec

PREFIX = "/api/2.0/fs"
JSON = "application/json"


class _Message(msgspec.Struct, omit_defaults=True):
    """Fields that a client sends and we do not know are ignored."""


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


class Header(msgspec.Struct):
    name: str
    value: str


class PresignedUrl(msgspec.Struct):
    """`headers` are to be sent with the request to the URL. Only some buckets need any."""

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
