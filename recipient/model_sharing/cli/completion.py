"""Shell completion of names: mounted catalogs, and schemas, models, volumes and skills that are listed."""

from __future__ import annotations

import asyncio

from model_sharing.catalogs.shared_catalog import SharedCatalog
from model_sharing.mount_table import Mount, MountTable
from model_sharing.settings import Settings
from model_sharing_protocol.console.shell_completion import completing
from model_sharing_protocol.names import FullName

_PATIENCE_SECONDS = 2.0
_MODELS, _VOLUMES, _SKILLS = "models:/", "volumes:/", "skills:/"


def _catalogs(_typed: str) -> list[str]:
    return [mount.name for mount in MountTable(Settings.from_environment().mounts).all()]


def _schemas(typed: str) -> list[str]:
    """Catalogs and, once one is typed, its schemas."""
    if "." not in typed:
        return _catalogs(typed)
    names = [FullName.parse(name) for name in _models(typed)]
    return [f"{name.catalog}.{name.schema}" for name in names]


def _models(typed: str) -> list[str]:
    """Models of the catalogs whose names begin as typed, as references."""
    return _listed(typed, _MODELS if typed.startswith(_MODELS) else "")


def _downloads(typed: str) -> list[str]:
    """What can be downloaded, by the scheme that was typed: models if none was."""
    prefix = next((each for each in (_VOLUMES, _SKILLS) if typed.startswith(each)), None)
    return _models(typed) if prefix is None else _listed(typed, prefix)


def _listed(typed: str, prefix: str) -> list[str]:
    catalog, dot, _ = typed.removeprefix(prefix).partition(".")
    settings = Settings.from_environment()
    asked = [
        mount
        for mount in MountTable(settings.mounts).all()
        if mount.name == catalog or (not dot and mount.name.startswith(catalog))
    ]
    return [f"{prefix}{name}" for name in asyncio.run(_all_names(asked, settings, prefix))]


def _places(typed: str) -> list[str]:
    return [*_schemas(typed), *(_models(typed) if "." in typed else ())]


async def _all_names(mounts: list[Mount], settings: Settings, prefix: str) -> list[str]:
    """Names of models, volumes or skills in these mounts, except those whose provider does not answer."""
    loop = asyncio.get_running_loop()
    asked = (_names(SharedCatalog(mount, settings, loop), prefix) for mount in mounts)
    found = await asyncio.gather(*asked, return_exceptions=True)
    return [name for names in found if not isinstance(names, BaseException) for name in names]


async def _names(catalog: SharedCatalog, prefix: str) -> list[str]:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            match prefix:
                case "volumes:/":
                    return [volume.full_name for volume in await catalog.assets.volumes(None)]
                case "skills:/":
                    return [skill.full_name for skill in await catalog.assets.skills(None)]
                case _:
                    return [model.full_name for model in await catalog.list_models()]
    finally:
        await catalog.close()


complete_catalogs = completing(_catalogs)
complete_schemas = completing(_schemas)
complete_models = completing(_models)
complete_downloads = completing(_downloads)
complete_places = completing(_places)
