"""Use models that others share with you: mount a share, list it, load a model from it.

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
    from model_sharing.async_catalog import AsyncCatalog
    from model_sharing.blocking import (
        Catalog,
        activate,
        catalog,
        download,
        list_shares,
        load_model,
        mount,
        mounts,
        pull,
        unmount,
    )
    from model_sharing.browsing import Schema
    from model_sharing.left_out import LeftOutWarning
    from model_sharing.mount_table import Mount
    from model_sharing.pulling import PulledVersion
    from model_sharing.records import Records
    from model_sharing.resolution import StaleAliasWarning
    from model_sharing.shared_catalog import Snapshot
    from model_sharing.trust import TrustWarning
    from model_sharing.values import DownloadedVersion, SharedModel, SharedVersion
    from model_sharing_protocol.errors import SharingError
    from model_sharing_protocol.network.plain_http import PlainHttpWarning
    from model_sharing_protocol.progress import Progress

__all__ = [
    "AsyncCatalog",
    "Catalog",
    "DownloadedVersion",
    "LeftOutWarning",
    "Mount",
    "PlainHttpWarning",
    "Progress",
    "PulledVersion",
    "Records",
    "Schema",
    "SharedModel",
    "SharedVersion",
    "SharingError",
    "Snapshot",
    "StaleAliasWarning",
    "TrustWarning",
    "__version__",
    "activate",
    "catalog",
    "download",
    "list_shares",
    "load_model",
    "mount",
    "mounts",
    "pull",
    "unmount",
]

_HOMES = {
    "AsyncCatalog": "model_sharing.async_catalog",
    "DownloadedVersion": "model_sharing.values",
    "LeftOutWarning": "model_sharing.left_out",
    "Mount": "model_sharing.mount_table",
    "PlainHttpWarning": "model_sharing_protocol.network.plain_http",
    "Progress": "model_sharing_protocol.progress",
    "PulledVersion": "model_sharing.pulling",
    "Records": "model_sharing.records",
    "Schema": "model_sharing.browsing",
    "SharedModel": "model_sharing.values",
    "SharedVersion": "model_sharing.values",
    "SharingError": "model_sharing_protocol.errors",
    "Snapshot": "model_sharing.shared_catalog",
    "StaleAliasWarning": "model_sharing.resolution",
    "TrustWarning": "model_sharing.trust",
}

__version__: str


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  # takes longer than the rest of this module

        return version("model-sharing")
    return getattr(importlib.import_module(_HOMES.get(name, "model_sharing.blocking")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
