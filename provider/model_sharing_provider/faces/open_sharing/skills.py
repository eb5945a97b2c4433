"""Agent skills of a share: folders of instructions, with what their SKILL.md says about them."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol.open_sharing_folders import FolderQueryLine, Skill
from model_sharing_provider.domain.shared_tables import SharedFolder
from model_sharing_provider.domain.skills import SkillMetadata
from model_sharing_provider.faces.open_sharing.folders import (
    access_modes,
    asset_name,
    credentials_response,
    files_response,
)
from model_sharing_provider.faces.open_sharing.requests import PAGE, page_request, share_name
from model_sharing_provider.faces.open_sharing.responses import page_response
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Media, Route

_SKILLS = "/shares/{share}/schemas/{schema}/skills"
_SKILL = _SKILLS + "/{skill}"


async def list_skills(request: web.Request) -> web.Response:
    """Skills of a schema, or of the whole share."""
    name = share_name(request)
    schema = request.match_info.get("schema")
    listing = f"skills of {name}.{schema or '*'}".lower()
    page = await provider_of(request).shared_skills.page(
        context_of(request), name, schema, page_request(request, listing)
    )
    return page_response(page, listing, map(_message, page.items))


async def get_skill(request: web.Request) -> web.Response:
    name = asset_name(request, "skill")
    found = await provider_of(request).shared_skills.get(context_of(request), *name)
    return json_response(_message(found), wire.JSON)


async def query_skill(request: web.Request) -> web.Response:
    """Lines with the skill's metadata and one for each of its files."""
    name = asset_name(request, "skill")
    found, files = await provider_of(request).shared_skills.query(context_of(request), *name)
    return files_response(request, found, files)


async def temporary_credentials(request: web.Request) -> web.Response:
    """Credentials for a skill's folder; an error that names the alternative, if the storage has none."""
    name = asset_name(request, "skill")
    return credentials_response(
        await provider_of(request).shared_skills.credentials(context_of(request), *name)
    )


ROUTES = (
    Route(
        "GET",
        "/shares/{share}/all-skills",
        list_skills,
        "All agent skills of a share",
        wire.Items[Skill],
        query=PAGE,
    ),
    Route("GET", _SKILLS, list_skills, "The agent skills of a schema", wire.Items[Skill], query=PAGE),
    Route("GET", _SKILL, get_skill, "An agent skill", Skill),
    Route(
        "POST",
        _SKILL + "/query",
        query_skill,
        "EXTENSION: an agent skill's files as signed URLs",
        Media(wire.NDJSON, FolderQueryLine),
    ),
    Route(
        "POST",
        _SKILL + "/temporary-skill-credentials",
        temporary_credentials,
        "Credentials to read an agent skill's folder",
        wire.TemporaryCredentials,
    ),
)


def _message(shown: SharedFolder) -> Skill:
    about = shown.skill or SkillMetadata("")
    return Skill(
        name=shown.name.name,
        schema=shown.name.schema,
        share=shown.share.name,
        description=about.description,
        storage_location=shown.location,
        id=shown.id,
        share_id=shown.share.id,
        license=about.license or None,
        compatibility=about.compatibility or None,
        allowed_tools=about.allowed_tools or None,
        metadata=dict(about.metadata) or None,
        access_modes=access_modes(shown),
    )
