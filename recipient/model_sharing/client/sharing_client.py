"""OpenSharing client for models, typed (OpenSharing REST protocol, "models").

Every listing follows its pages to the end (`pagination`). Names are compared case-insensitively and may come
back in any case; they are handed on as the server wrote them.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec

from model_sharing.client.invalid_items import Report, issue_warnings
from model_sharing.client.pagination import fetch_all_pages, iterate_pages
from model_sharing.transport import bounds
from model_sharing.transport.response_reader import decode, parse, read_bounded, read_lines
from model_sharing.transport.session import NOT_MODIFIED, Transport
from model_sharing_protocol.dsse import Envelope
from model_sharing_protocol.errors import CorruptArtifact, NotASharingServer, NotFound, UnsupportedOperation
from model_sharing_protocol.manifest import MAX_FILES
from model_sharing_protocol.names import INFORMATION_SCHEMA, SharedName
from model_sharing_protocol.open_sharing import (
    SIGNATURE_HEADER,
    AcceptTerms,
    Alias,
    ModelVersion,
    Protocol,
    RegisteredModel,
    Schema,
    Share,
    ShareAnswer,
    ShareChanges,
    Table,
    TemporaryCredentials,
    Terms,
    VersionFile,
    VersionMetadata,
    VersionQueryLine,
)
from model_sharing_protocol.open_sharing_folders import (
    FolderFile,
    FolderMetadata,
    FolderQueryLine,
    Skill,
    Volume,
)
from model_sharing_protocol.signing_keys import KeyList

if TYPE_CHECKING:
    from model_sharing.transport.http_response import Response

READER_VERSION = 1
_INCLUDE_RECALLED = "includeRecalled=true"
"""EXTENSION: without it, a provider refuses a recalled version. Other servers do not look at it."""
_WITHOUT_URLS = "includeUrls=false"
_MAX_TAG = 256
_MAX_DEPTH = 100

T = TypeVar("T")


class VersionAnswer(msgspec.Struct, frozen=True):
    """Description of a version by its provider, and the ETag by which to ask whether it has changed."""

    version: ModelVersion
    tag: str = ""


class ChangesAnswer(msgspec.Struct, frozen=True):
    """Changes of a share, with the SHA-256 of the body they came in, and the envelope that signs it."""

    changes: ShareChanges
    sha256: str
    envelope: Envelope | None


class SharingClient:
    """Client of one provider's shares. `endpoint` is what messages call the provider.

    `report_invalid` is told of the items of listings that are left out.
    """

    def __init__(self, transport: Transport, endpoint: str, report_invalid: Report = issue_warnings) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._report_invalid = report_invalid

    async def list_keys(self) -> KeyList:
        """List the signing keys, oldest first, and the origins of files (EXTENSION).

        NotFound if it does not sign.
        """
        return await self._get("/keys", KeyList)

    async def list_shares(self) -> list[Share]:
        """List the shares that are granted."""
        return await self._list("/shares", Share)

    async def get_share(self, share: str) -> Share:
        """Get one share; NotFound if it is not granted."""
        return (await self._get(_path("shares", share), ShareAnswer)).share

    async def list_schemas(self, share: str) -> list[Schema]:
        """List the schemas of a share that may have models, without those of other assets alone."""
        found = await self._list(_path("shares", share, "schemas"), Schema)
        return [schema for schema in found if schema.has_models and schema.name.lower() != INFORMATION_SCHEMA]

    async def list_models(self, share: str, schema: str | None = None) -> list[RegisteredModel]:
        """List the models of one schema, or of the whole share."""
        return [model async for page in self.iterate_models(share, schema) for model in page]

    def iterate_models(self, share: str, schema: str | None = None) -> AsyncIterator[list[RegisteredModel]]:
        """Iterate over the models of one schema, or of the whole share, page by page."""
        where = ("all-models",) if schema is None else ("schemas", schema, "models")

        def read(item: bytes) -> RegisteredModel:  # its values were counted: `bounds.ITEM_VALUES`
            return parse(item, RegisteredModel, self._endpoint)

        path = _path("shares", share, *where)
        return iterate_pages(self._transport, path, read, self._endpoint, self._report_invalid)

    async def list_tables(self, share: str) -> list[Table]:
        """List the tables of a share; none of a server that has no tables."""
        try:
            return await self._list(_path("shares", share, "all-tables"), Table)
        except (NotFound, NotASharingServer):
            return []

    async def list_skills(self, share: str) -> list[Skill]:
        """List the agent skills of a share; none of a server that has no skills."""
        try:
            return await self._list(_path("shares", share, "all-skills"), Skill)
        except (NotFound, NotASharingServer):
            return []

    async def list_volumes(self, share: str) -> list[Volume]:
        """List the volumes of a share; none of a server that has no volumes."""
        try:
            return await self._list(_path("shares", share, "all-volumes"), Volume)
        except (NotFound, NotASharingServer):
            return []

    async def get_model(self, share: str, model: SharedName) -> RegisteredModel:
        """Get one model; NotFound if it is not shared."""
        return await self._get(_model_path(share, model), RegisteredModel)

    async def list_versions(self, share: str, model: SharedName) -> list[ModelVersion]:
        """List the versions of a model."""
        path = _model_path(share, model) + "/versions"
        return await self._pages(path, self._decode_version)

    async def get_version(
        self,
        share: str,
        model: SharedName,
        version_or_alias: int | str,
        tag: str = "",
        has_fallback: Callable[[], bool] = lambda: False,
    ) -> VersionAnswer | None:
        """Get the version of this number, or behind this alias; None if the `tag` still stands for it.

        A version that was recalled comes, too, and says so. `has_fallback`: see `Transport.call`.
        """

        async def read(response: Response) -> VersionAnswer | None:
            if response.status == NOT_MODIFIED:
                return None
            version = self._decode_version(await read_bounded(response))
            return VersionAnswer(version, _tag(response.headers.get("ETag", "")))

        path = f"{_version_path(share, model, version_or_alias)}?{_INCLUDE_RECALLED}"
        return await self._transport.call("GET", path, read, tag=tag, has_fallback=has_fallback)

    async def list_aliases(self, share: str, model: SharedName) -> list[Alias]:
        """List the aliases of a model (EXTENSION)."""
        return await self._list(_model_path(share, model) + "/aliases", Alias)

    async def list_terms(self, share: str) -> list[Terms]:
        """List the terms in force of a share and of its models (EXTENSION).

        None from a provider that does not know of terms; NotFound for a share that is not granted.
        """
        try:
            return await self._list(_path("shares", share, "terms"), Terms)
        except (NotFound, NotASharingServer):
            await self.get_share(share)
            return []

    async def accept_terms(self, share: str, digest: str, accepted_by: str) -> Terms:
        """Accept terms by their digest (EXTENSION). NotFound for those that do not apply in the share."""

        async def read(response: Response) -> Terms:
            return decode(await read_bounded(response), Terms, self._endpoint)

        path = _path("shares", share, "terms", digest, "accept")
        body = msgspec.json.encode(AcceptTerms(accepted_by=accepted_by))
        return await self._transport.call("POST", path, read, body=body)

    async def changes(self, share: str, since: str = "", wait: int = 0) -> ChangesAnswer:
        """Get what changed in a share since a token, after at most `wait` seconds; without one, a token.

        EXTENSION. FeedTokenExpired if there is to be a new token, NotFound for a share that is not granted,
        UnsupportedOperation from a provider without a change feed.
        """

        async def read(response: Response) -> ChangesAnswer:
            body = await read_bounded(response)
            changes = decode(body, ShareChanges, self._endpoint)
            if len(changes.token) > bounds.TOKEN_LENGTH:
                raise NotASharingServer(f"{self._endpoint} sent a token of {len(changes.token)} characters.")
            signature = response.headers.get(SIGNATURE_HEADER)
            envelope = decode(signature.encode(), Envelope, self._endpoint) if signature else None
            return ChangesAnswer(changes, hashlib.sha256(body).hexdigest(), envelope)

        path = _path("shares", share, "changes")
        params = {"since": since, "wait": str(wait)} if since else {}
        try:
            return await self._transport.call("GET", path, read, params=params, wait=wait)
        except (NotFound, NotASharingServer) as error:
            if since:
                raise
            await self.get_share(share)
            raise UnsupportedOperation(f"{self._endpoint} has no change feed.") from error

    async def query_version(
        self,
        share: str,
        model: SharedName,
        version_or_alias: int | str,
        *,
        include_recalled: bool = False,
        include_urls: bool = True,
    ) -> tuple[VersionMetadata, list[VersionFile]]:
        """Get a version, by number or alias, and its files, each with a URL good for a while (EXTENSION).

        Without `include_urls`, to read what is said about the files, the provider need issue no URLs, and
        does not count it as a pull. VersionRecalled for one that was recalled, unless `include_recalled`;
        CorruptArtifact if fewer or more files come than were announced; UnsupportedOperation if the provider
        speaks a newer form than this client.
        """

        async def read(response: Response) -> tuple[VersionMetadata, list[VersionFile]]:
            metadata: VersionMetadata | None = None
            files: list[VersionFile] = []
            async for data in read_lines(response):
                line = decode(data, VersionQueryLine, self._endpoint)
                self._check_protocol(line.protocol)
                if line.meta_data is not None:
                    metadata = line.meta_data
                    self._check_depth(metadata.version)
                if line.file is not None:
                    files.append(line.file)
                if len(files) > MAX_FILES:
                    raise NotASharingServer(f"{self._endpoint} listed more than {MAX_FILES} files.")
            if metadata is None:
                raise NotASharingServer(f"{self._endpoint} listed files without saying of which version.")
            self._check_number(f"{model} version {metadata.version.version}", metadata.num_files, len(files))
            return metadata, files

        path = _version_path(share, model, version_or_alias) + "/query"
        wanted = [_INCLUDE_RECALLED] if include_recalled else []
        wanted += [] if include_urls else [_WITHOUT_URLS]
        path += f"?{'&'.join(wanted)}" if wanted else ""
        return await self._transport.call("POST", path, read, body=b"{}")

    async def query_folder(self, share: str, kind: str, name: SharedName) -> list[FolderFile] | None:
        """Get the files of a volume or skill, each with a URL good for a while (EXTENSION).

        None from a provider that gives no URLs, but credentials of its store, as the specification has it.
        Raises CorruptArtifact if fewer or more come than were announced.
        """

        answered = False

        async def read(response: Response) -> list[FolderFile]:
            nonlocal answered
            answered = True
            metadata: FolderMetadata | None = None
            files: list[FolderFile] = []
            async for data in read_lines(response):
                line = decode(data, FolderQueryLine, self._endpoint)
                self._check_protocol(line.protocol)
                metadata = line.meta_data or metadata
                if line.file is not None:
                    files.append(line.file)
                if len(files) > MAX_FILES:
                    raise NotASharingServer(f"{self._endpoint} listed more than {MAX_FILES} files.")
            if metadata is None:
                raise NotASharingServer(f"{self._endpoint} listed files without saying of which {kind}.")
            self._check_number(f"the {kind} {name}", metadata.num_files, len(files))
            return files

        path = _folder_path(share, kind, name)
        try:
            return await self._transport.call("POST", path + "/query", read, body=b"{}")
        except (NotFound, NotASharingServer):
            if answered:
                raise
            return None

    async def folder_credentials(
        self, share: str, kind: str, name: SharedName
    ) -> tuple[str, TemporaryCredentials]:
        """Get the location of a volume or skill in its store, and credentials to read it for a while."""

        async def read(response: Response) -> TemporaryCredentials:
            return decode(await read_bounded(response), TemporaryCredentials, self._endpoint)

        path = _folder_path(share, kind, name)
        found = await self._get(path, Volume)  # of a skill, too, this is what is asked for
        asked = f"{path}/temporary-{kind}-credentials"
        return found.storage_location, await self._transport.call("POST", asked, read, body=b"{}")

    def _check_protocol(self, protocol: Protocol | None) -> None:
        if protocol is not None and protocol.min_reader_version > READER_VERSION:
            raise UnsupportedOperation(
                f"{self._endpoint} needs a client that reads protocol version {protocol.min_reader_version}; "
                f"this one reads {READER_VERSION}. Upgrade model-sharing."
            )

    def _check_number(self, what: str, announced: int, listed: int) -> None:
        if announced != listed:
            raise CorruptArtifact(
                f"{self._endpoint} announced {announced} files of {what} and listed {listed}. Try again; "
                "if it stays, tell the provider."
            )

    async def _get(self, path: str, kind: type[T]) -> T:
        async def read(response: Response) -> T:
            return decode(await read_bounded(response), kind, self._endpoint)

        return await self._transport.call("GET", path, read)

    async def _list(self, path: str, kind: type[T]) -> list[T]:
        def read(item: bytes) -> T:
            return decode(item, kind, self._endpoint)

        return await self._pages(path, read)

    async def _pages(self, path: str, read: Callable[[bytes], T]) -> list[T]:
        return await fetch_all_pages(self._transport, path, read, self._endpoint, self._report_invalid)

    def _decode_version(self, data: bytes) -> ModelVersion:
        version = decode(data, ModelVersion, self._endpoint)
        self._check_depth(version)
        return version

    def _check_depth(self, version: ModelVersion) -> None:
        """Refuse nesting so deep that it can be read but, one call deeper, not be written again."""
        if _is_deeper(version.signature, _MAX_DEPTH):
            raise NotASharingServer(
                f"{self._endpoint} describes a version with a signature that is nested more than "
                f"{_MAX_DEPTH} deep."
            )


def _path(*parts: str) -> str:
    return "".join("/" + quote(part, safe="") for part in parts)


def _folder_path(share: str, kind: str, name: SharedName) -> str:
    return _path("shares", share, "schemas", name.schema, f"{kind}s", name.name)


def _model_path(share: str, model: SharedName) -> str:
    return _path("shares", share, "schemas", model.schema, "models", model.name)


def _version_path(share: str, model: SharedName, version_or_alias: int | str) -> str:
    kind = "aliases" if isinstance(version_or_alias, str) else "versions"
    return _model_path(share, model) + _path(kind, str(version_or_alias))


def _is_deeper(value: Any, depth: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth == 0 or any(_is_deeper(each, depth - 1) for each in inside)


def _tag(header: str) -> str:
    """ETag to store and send back as it came; empty for one that cannot be."""
    return header if header.isascii() and header.isprintable() and len(header) <= _MAX_TAG else ""
