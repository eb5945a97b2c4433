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
    from model_sharing.blocking import (
        Catalog,
        activate,
        catalog,
        download,
        list_shares,
        load_model,
        mount,
        pull,
        unmount,
    )
    from model_sharing.left_out import LeftOutWarning
    from model_sharing.mounts import Mount
    from model_sharing.pulling import PulledVersion
    from model_sharing.resolution import StaleAliasWarning
    from model_sharing.shared_catalog import SharedCatalog
    from model_sharing.trust import TrustWarning
    from model_sharing.values import SharedModel, SharedVersion
    from model_sharing_protocol.errors import SharingError
    from model_sharing_protocol.plain_http import PlainHttpWarning

__all__ = [
    "Catalog",
    "LeftOutWarning",
    "Mount",
    "PlainHttpWarning",
    "PulledVersion",
    "SharedCatalog",
    "SharedModel",
    "SharedVersion",
    "SharingError",
    "StaleAliasWarning",
    "TrustWarning",
    "activate",
    "catalog",
    "download",
    "list_shares",
    "load_model",
    "mount",
    "pull",
    "unmount",
]

_HOMES = {
    "LeftOutWarning": "model_sharing.left_out",
    "Mount": "model_sharing.mounts",
    "PlainHttpWarning": "model_sharing_protocol.plain_http",
    "PulledVersion": "model_sharing.pulling",
    "SharedCatalog": "model_sharing.shared_catalog",
    "SharedModel": "model_sharing.values",
    "SharedVersion": "model_sharing.values",
    "SharingError": "model_sharing_protocol.errors",
    "StaleAliasWarning": "model_sharing.resolution",
    "TrustWarning": "model_sharing.trust",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "model_sharing.blocking")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
