"""Repositories as their callers see them: models of a share, or of the metastore, by the same calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from aiohttp import web

from model_sharing_protocol import open_sharing
from model_sharing_protocol.errors import InvalidParameter, NotFound, TermsNotAccepted
from model_sharing_protocol.names import FullName, SharedName, normalize_name
from model_sharing_protocol.pages import PageRequest
from model_sharing_protocol.revisions import MAIN_REVISION, Revision
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.domain.versions import VersionContent
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.urls import base_url
from model_sharing_provider.services.signed_files import FoundFile


class Repository(Protocol):
    """Model with its versions and their files, as one caller sees it."""

    async def content(self, revision: Revision, *, to_read: bool = False) -> VersionContent:
        """Version with the list of its files, for whoever is about to read one if `to_read`.

        Raises NotFound, VersionNotFound, VersionRecalled, and TermsNotAccepted if `to_read`.
        """

    async def open(self, revision: Revision, path: str) -> FoundFile:
        """Open a file. Raises PathNotFound, TermsNotAccepted, and as `content` does."""

    def versions(self) -> AsyncIterator[ModelVersion]:
        """READY versions that were not recalled, by number. Raises NotFound."""


@dataclass(frozen=True, slots=True)
class SharedRepository:
    """Model of a share, for a recipient."""

    request: web.Request
    share: str
    name: SharedName

    async def content(self, revision: Revision, *, to_read: bool = False) -> VersionContent:
        revisions = provider_of(self.request).recipient_revisions
        with self._naming_terms():
            return await revisions.content(
                context_of(self.request), self.share, self.name, revision, to_read=to_read
            )

    async def open(self, revision: Revision, path: str) -> FoundFile:
        revisions = provider_of(self.request).recipient_revisions
        with self._naming_terms():
            return await revisions.open(context_of(self.request), self.share, self.name, revision, path)

    @contextmanager
    def _naming_terms(self) -> Iterator[None]:
        """Tell whoever has to accept terms where they are."""
        try:
            yield
        except TermsNotAccepted as error:
            link = f"{base_url(self.request)}{open_sharing.PREFIX}/shares/{quote(self.share, safe='')}/terms"
            raise TermsNotAccepted(f"{error.message} ({link})") from error

    async def versions(self) -> AsyncIterator[ModelVersion]:
        view, page = provider_of(self.request).recipient_view, PageRequest()
        while True:
            found = await view.list_versions(context_of(self.request), self.share, self.name, page)
            for shared in found.items:
                if _is_usable(shared.version):
                    yield shared.version
            if found.last_key is None:
                return
            page = PageRequest(after=found.last_key)


@dataclass(frozen=True, slots=True)
class OwnRepository:
    """Model of the metastore, for one of its principals."""

    request: web.Request
    name: FullName

    async def content(self, revision: Revision, *, to_read: bool = False) -> VersionContent:
        revisions = provider_of(self.request).principal_revisions
        return await revisions.content(context_of(self.request), self.name, revision)

    async def open(self, revision: Revision, path: str) -> FoundFile:
        revisions = provider_of(self.request).principal_revisions
        return await revisions.open(context_of(self.request), self.name, revision, path)

    async def versions(self) -> AsyncIterator[ModelVersion]:
        service, page = provider_of(self.request).versions, PageRequest()
        while True:
            found = await service.page(context_of(self.request), self.name, page)
            for version in found.items:
                if _is_usable(version):
                    yield version
            if found.last_key is None:
                return
            page = PageRequest(after=found.last_key)


def requested_repository(request: web.Request) -> Repository:
    """Repository in the path. Raises NotFound for a name that no model can have, as for one that none has."""
    namespace, name, share = (request.match_info.get(place) for place in ("namespace", "name", "share"))
    try:
        if share is None:
            return OwnRepository(request, FullName.parse(f"{namespace}.{name}"))
        return SharedRepository(
            request, normalize_name("share", share), SharedName.parse(f"{namespace}.{name}")
        )
    except InvalidParameter as error:
        form = "schema/model" if share is not None else "catalog.schema/model"
        raise NotFound(
            f"There is no repository '{namespace}/{name}'; those here are {form}. {error.message}"
        ) from error


def requested_revision(request: web.Request) -> Revision:
    """Revision in the path; `main` where a path has none. Raises VersionNotFound."""
    text = request.match_info.get("revision")
    return MAIN_REVISION if text is None else Revision.parse(text)


def _is_usable(version: ModelVersion) -> bool:
    return version.status is VersionStatus.READY and version.recall is None
