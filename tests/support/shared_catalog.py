"""The asynchronous catalog behind a blocking one, to look into its cache or to call it."""

from __future__ import annotations

import model_sharing
from model_sharing.catalogs.shared_catalog import SharedCatalog


def shared_catalog_of(catalog: model_sharing.Catalog) -> SharedCatalog:
    return catalog._shared
