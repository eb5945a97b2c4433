"""Shared models as a recipient uses them: mount a share, list its models, load one.

    import model_sharing

    catalog = model_sharing.mount("globex.share", share="acme_share", name="vendor")
    model = model_sharing.load_model("models:/vendor.ml_team.iris_model@Champion")

Everything here is imported at first use, since MLflow imports this package, for its plugin, whenever it is
imported itself. No module may be named like one of these functions: importing it would hide the function.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model_sharing.api.async_catalog import AsyncCatalog
    from model_sharing.api.blocking import (
        Catalog,
        activate,
        catalog,
        download,
        list_shares,
        list_terms,
        load_model,
        mount,
        mounts,
        path,
        unmount,
    )
    from model_sharing.api.blocking_pull import pull
    from model_sharing.api.records import Records
    from model_sharing.api.schema import Schema
    from model_sharing.cache.maintenance.pruning import CacheWarning
    from model_sharing.catalogs.download_plan import DownloadPlan
    from model_sharing.catalogs.events import CatalogEvent
    from model_sharing.catalogs.pulling import PulledVersion
    from model_sharing.catalogs.shared_assets import SharedSkill, SharedTable, SharedVolume
    from model_sharing.catalogs.shared_folders import DownloadedFolder, FolderPlan
    from model_sharing.catalogs.shared_models import DownloadedVersion, SharedModel, SharedVersion
    from model_sharing.catalogs.snapshots import PartialSnapshot, Snapshot
    from model_sharing.client.invalid_items import InvalidItemWarning
    from model_sharing.exports.destinations import SignaturePlaceWarning
    from model_sharing.mount_table import Mount
    from model_sharing.mounting.terms import Terms
    from model_sharing.resolution.known_state import UnwrittenStateWarning
    from model_sharing.resolution.pinned_keys import KeyRotationWarning
    from model_sharing.resolution.resolver import RecalledVersionWarning, StaleAliasWarning
    from model_sharing_protocol.errors import SharingError
    from model_sharing_protocol.network.plain_http import PlainHttpWarning
    from model_sharing_protocol.progress import Progress
    from model_sharing_protocol.recalls import Recall

__all__ = [
    "AsyncCatalog",
    "CacheWarning",
    "Catalog",
    "CatalogEvent",
    "DownloadPlan",
    "DownloadedFolder",
    "DownloadedVersion",
    "FolderPlan",
    "InvalidItemWarning",
    "KeyRotationWarning",
    "Mount",
    "PartialSnapshot",
    "PlainHttpWarning",
    "Progress",
    "PulledVersion",
    "Recall",
    "RecalledVersionWarning",
    "Records",
    "Schema",
    "SharedModel",
    "SharedSkill",
    "SharedTable",
    "SharedVersion",
    "SharedVolume",
    "SharingError",
    "SignaturePlaceWarning",
    "Snapshot",
    "StaleAliasWarning",
    "Terms",
    "UnwrittenStateWarning",
    "__version__",
    "activate",
    "catalog",
    "download",
    "list_shares",
    "list_terms",
    "load_model",
    "mount",
    "mounts",
    "path",
    "pull",
    "unmount",
]

_HOMES = {
    "AsyncCatalog": "model_sharing.api.async_catalog",
    "CacheWarning": "model_sharing.cache.maintenance.pruning",
    "CatalogEvent": "model_sharing.catalogs.events",
    "DownloadPlan": "model_sharing.catalogs.download_plan",
    "DownloadedFolder": "model_sharing.catalogs.shared_folders",
    "DownloadedVersion": "model_sharing.catalogs.shared_models",
    "FolderPlan": "model_sharing.catalogs.shared_folders",
    "InvalidItemWarning": "model_sharing.client.invalid_items",
    "KeyRotationWarning": "model_sharing.resolution.pinned_keys",
    "Mount": "model_sharing.mount_table",
    "PartialSnapshot": "model_sharing.catalogs.snapshots",
    "PlainHttpWarning": "model_sharing_protocol.network.plain_http",
    "Progress": "model_sharing_protocol.progress",
    "PulledVersion": "model_sharing.catalogs.pulling",
    "Recall": "model_sharing_protocol.recalls",
    "RecalledVersionWarning": "model_sharing.resolution.resolver",
    "Records": "model_sharing.api.records",
    "Schema": "model_sharing.api.schema",
    "SharedModel": "model_sharing.catalogs.shared_models",
    "SharedSkill": "model_sharing.catalogs.shared_assets",
    "SharedTable": "model_sharing.catalogs.shared_assets",
    "SharedVersion": "model_sharing.catalogs.shared_models",
    "SharedVolume": "model_sharing.catalogs.shared_assets",
    "SharingError": "model_sharing_protocol.errors",
    "SignaturePlaceWarning": "model_sharing.exports.destinations",
    "Snapshot": "model_sharing.catalogs.snapshots",
    "StaleAliasWarning": "model_sharing.resolution.resolver",
    "Terms": "model_sharing.mounting.terms",
    "UnwrittenStateWarning": "model_sharing.resolution.known_state",
    "pull": "model_sharing.api.blocking_pull",
}

__version__: str


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  # takes longer than the rest of this module

        return version("model-sharing")
    return getattr(importlib.import_module(_HOMES.get(name, "model_sharing.api.blocking")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
