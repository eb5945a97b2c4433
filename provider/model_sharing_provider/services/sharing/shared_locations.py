"""Tables, volumes and agent skills at external locations, checked before a share shows them."""

from __future__ import annotations

import asyncio

from model_sharing_protocol.errors import InvalidParameter, NotFound
from model_sharing_protocol.names import SharedName
from model_sharing_provider.artifacts.shared_folders import SharedFolders
from model_sharing_provider.domain.limits import MAX_SOURCE, check_text
from model_sharing_provider.domain.locations import parse_location
from model_sharing_provider.domain.shared_tables import MAX_FOLDER_FILES
from model_sharing_provider.domain.sharing import ShareChange, ShareObjectType
from model_sharing_provider.domain.skills import SKILL_FILE, SkillMetadata
from model_sharing_provider.services.front_matter import MAX_FRONT_MATTER_BYTES
from model_sharing_provider.services.sharing.skill_metadata import read_skill

AT_LOCATIONS = (ShareObjectType.TABLE, ShareObjectType.VOLUME, ShareObjectType.SKILL)


def parse_shared_location(change: ShareChange) -> tuple[str, SharedName]:
    """Location of an asset to share, and its name for recipients. Raises InvalidParameter."""
    kind = change.type.lower()
    if "://" not in change.name:
        raise InvalidParameter(
            f"Catalogs have no {kind}s here, so that {change.name!r} names none; give the location of the "
            f"{kind}'s folder, such as s3://bucket/folder or file:///folder."
        )
    if not change.shared_as:
        raise InvalidParameter(
            f"A {kind} has no name of its own; give the schema.{kind} that recipients see."
        )
    location = parse_location(check_text("location", change.name, MAX_SOURCE))
    return location, SharedName.parse(change.shared_as, kind)


async def check_shared_location(folders: SharedFolders, change: ShareChange) -> SkillMetadata | None:
    """Check that an asset can be read, and read the metadata of a skill.

    Raises NotFound, PermissionDenied, InvalidParameter, UnsupportedOperation.
    """
    location, name = parse_shared_location(change)
    if change.type is ShareObjectType.TABLE:
        await folders.table(location)
        return None
    files = await folders.list(location, MAX_FOLDER_FILES)
    if change.type is ShareObjectType.SKILL:
        size = next((file.size for file in files if file.path == SKILL_FILE), None)
        return await _check_skill(folders, location, size, name)
    if not files:
        raise NotFound("There are no files at the location of this volume.")
    return None


async def _check_skill(
    folders: SharedFolders, location: str, size: int | None, name: SharedName
) -> SkillMetadata:
    folder = location.rpartition("/")[2]
    if size is None:
        raise NotFound(f"There is no file {SKILL_FILE} in the folder {folder!r}, so that it is not a skill.")
    if name.name != folder:
        raise InvalidParameter(
            f"A skill is shared under its own name, that of its folder: {name.schema}.{folder}, not {name}."
        )
    start = await folders.read_start(location, SKILL_FILE, min(size, MAX_FRONT_MATTER_BYTES))
    return await asyncio.to_thread(read_skill, start, folder)
