"""Handlers of the cache server: the Hub's API for reading, over mounted catalogs."""

from __future__ import annotations

import asyncio
from typing import BinaryIO

from aiohttp import web

from model_sharing.cache_server import model_messages
from model_sharing.cache_server.commits import Commit, Commits
from model_sharing.cache_server.error_responses import error_response
from model_sharing.cache_server.file_fetches import FileFetches, Report
from model_sharing.cache_server.file_responses import head_response, send_file
from model_sharing.cache_server.interim_responses import keep_waiting
from model_sharing.cache_server.mounted_catalogs import MountedCatalogs
from model_sharing.cache_server.refusals import Refusals
from model_sharing.cache_server.requests import (
    flag,
    json_response,
    limit,
    paths_request,
    repository,
    url_of_page,
)
from model_sharing.catalogs.shared_catalog import SharedCatalog
from model_sharing.catalogs.shared_models import SharedModel
from model_sharing_protocol.errors import PathNotFound, SharingError, VersionNotFound
from model_sharing_protocol.hugging_face import headers
from model_sharing_protocol.hugging_face.model_info import matches, model_info
from model_sharing_protocol.manifest import ManifestFile


class Handlers:
    """Handlers of requests, over what `commits` finds and `fetches` brings."""

    def __init__(self, catalogs: MountedCatalogs, report: Report) -> None:
        self._catalogs = catalogs
        self._commits = Commits(catalogs)
        self._fetches = FileFetches(report)
        self._refusals = Refusals()
        self._report = report

    async def close(self) -> None:
        """End all fetches, and close all connections."""
        await self._fetches.close()
        await self._catalogs.close()

    async def info(self, request: web.Request) -> web.Response:
        """Description of a model at a revision, `main` unless the path says another."""
        commit = await self._commit(request)
        facts = model_messages.commit_facts(commit)
        return json_response(model_info(facts, commit.files, blobs=flag(request.query, "blobs")), commit)

    async def tree(self, request: web.Request) -> web.Response:
        """Page of the files in a folder."""
        commit = await self._commit(request)
        query, folder = request.query, request.match_info.get("path", "")
        last = model_messages.last_commit(commit) if flag(query, "expand") else None
        entries, rest = commit.files.tree(
            folder, recursive=flag(query, "recursive"), start=query.get("cursor", ""), last=last
        )
        more = url_of_page(request, rest) if rest else ""
        return json_response(entries, commit, **headers.next_link(more))

    async def paths_info(self, request: web.Request) -> web.Response:
        """What is at some paths."""
        wanted = await paths_request(request)
        commit = await self._commit(request)
        last = model_messages.last_commit(commit) if wanted.expand else None
        return json_response(commit.files.at(wanted.paths, last), commit)

    async def refs(self, request: web.Request) -> web.Response:
        """Names of a model's commits."""
        namespace, name = repository(request)
        catalog, model = self._commits.model(namespace, name)
        described, versions = await catalog.get_model(str(model)), await catalog.list_versions(str(model))
        try:
            main = await self._commits.find(namespace, name, "main")
        except VersionNotFound:
            main = None
        return json_response(model_messages.refs(described, versions, main))

    async def check_access(self, request: web.Request) -> web.Response:
        """Empty answer if the files of the model can be had."""
        await self._commit(request)
        return web.Response()

    async def models(self, request: web.Request) -> web.Response:
        """List of models of all mounts, by name, that the query asks for."""
        query = request.query
        wanted = {"search": query.get("search", ""), "task": query.get("pipeline_tag", "")}
        filters = query.getall("filter", ())
        author, most = query.get("author", ""), limit(query)
        found = await asyncio.gather(*map(self._models_of, self._catalogs.all()))
        infos = [model_info(model_messages.model_facts(model)) for models in found for model in models]
        return json_response(
            [
                info
                for info in infos
                if (not author or info.author == author) and matches(info, filters=filters, **wanted)
            ][:most]
        )

    async def whoami(self, request: web.Request) -> web.Response:
        """Holder of the token, who is nobody in particular."""
        return json_response(model_messages.WHOAMI)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """File of a commit: what is known of it at once, its bytes once they were verified."""
        commit = await keep_waiting(request, self._commit(request))
        try:
            file = commit.files.file(request.match_info["path"])
        except PathNotFound as error:  # clients remember which files a commit does not have
            return error_response(error, about=commit.id)
        if known := head_response(request, commit.id, file):
            return known
        with await keep_waiting(request, self._open(commit, file)) as content:
            return await send_file(request, commit.id, file, content)

    async def _open(self, commit: Commit, file: ManifestFile) -> BinaryIO:
        """Open a file that may be served. Heads are told of others, too: clients would hide the reason."""
        refused = await self._refusals.reasons(commit)
        await self._refusals.check(commit, file.path)
        fetched = await self._fetches.open(commit, file, lambda path: path not in refused)
        try:
            await self._refusals.check(commit, file.path, fetched.folder)
        except BaseException:
            fetched.content.close()
            raise
        return fetched.content

    async def _commit(self, request: web.Request) -> Commit:
        return await self._commits.find(*repository(request), request.match_info.get("revision", "main"))

    async def _models_of(self, catalog: SharedCatalog) -> list[SharedModel]:
        """Models of one mount; none if its provider does not tell, which hides no other's."""
        try:
            return await catalog.list_models()
        except SharingError as error:
            self._report(f"{catalog.name} is left out of the list of models: {error.message}")
            return []
