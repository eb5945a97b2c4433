"""Models at a revision: what is known of them, their files, and the names of their versions."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.errors import VersionRecalled
from model_sharing_protocol.hugging_face import messages, paths
from model_sharing_protocol.hugging_face.files import CommitFiles
from model_sharing_protocol.hugging_face.model_info import ModelFacts, model_info, tag_words
from model_sharing_protocol.revisions import MAIN, commit_of
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.versions import VersionContent
from model_sharing_provider.faces.hugging_face.repositories import requested_repository, requested_revision
from model_sharing_provider.http.parameter_schemas import BOOLEAN
from model_sharing_provider.http.requests import flag
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Nothing, Query, Route


async def get_model(request: web.Request) -> web.Response:
    """Model at a revision, with its files."""
    blobs = flag(request, "blobs")
    content = await requested_repository(request).content(requested_revision(request))
    files = CommitFiles(commit_of(content.version.digest), content.files)
    return json_response(model_info(_facts(request, content), files, blobs=blobs), messages.JSON)


async def list_refs(request: web.Request) -> web.Response:
    """Names of a model's versions: `main` as a branch; their numbers and aliases as tags."""
    tags: list[messages.GitRef] = []
    main = None
    async for version in requested_repository(request).versions():
        commit = commit_of(version.digest)
        tags += (_ref("tags", name, commit) for name in (str(version.version), *version.aliases))
        if main is None or MAIN not in _lower(main):
            main = version
    branches = (_ref("heads", MAIN, commit_of(main.digest)),) if main else ()
    return json_response(messages.Refs(branches=branches, tags=tuple(tags)), messages.JSON)


async def check_access(request: web.Request) -> web.Response:
    """Nothing, if the caller may have the files of a model."""
    await requested_repository(request).content(requested_revision(request), to_read=True)
    return json_response(Nothing(), messages.JSON)


def _facts(request: web.Request, content: VersionContent) -> ModelFacts:
    version = content.version
    return ModelFacts(
        namespace=request.match_info["namespace"],
        name=request.match_info["name"],
        created_at=version.created_at,
        updated_at=version.updated_at,
        size=version.size,
        format=version.format,
        license=version.license,
        summary=version.summary,
        tags=tag_words(version.tags),
        gated=content.gated,
    )


def _lower(version: ModelVersion) -> set[str]:
    return {alias.lower() for alias in version.aliases}


def _ref(kind: str, name: str, commit: str) -> messages.GitRef:
    return messages.GitRef(name, f"refs/{kind}/{name}", commit)


_QUERY = (Query("blobs", BOOLEAN),)

ROUTES = (
    Route(
        "GET",
        paths.REVISION,
        get_model,
        "A model at a revision, with its files",
        messages.ModelInfo,
        query=_QUERY,
        errors=(VersionRecalled,),
    ),
    Route("GET", paths.REFS, list_refs, "The names of a model's versions", messages.Refs),
    Route(
        "GET",
        paths.AUTH_CHECK,
        check_access,
        "Whether the caller may have the files of a model",
        Nothing,
        errors=(VersionRecalled,),
    ),
    Route(
        "GET",
        paths.MODEL,
        get_model,
        "A model, with its files",
        messages.ModelInfo,
        query=_QUERY,
        errors=(VersionRecalled,),
    ),
)
