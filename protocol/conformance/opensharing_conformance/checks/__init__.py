"""Checks of all classes; importing this package registers them."""

from __future__ import annotations

from opensharing_conformance.checks import (  # noqa: F401
    activation,
    authentication,
    model_credentials,
    model_versions,
    models,
    profile,
    shares,
    skills,
    table_changes,
    table_credentials,
    table_files,
    table_formats,
    table_metadata,
    table_queries,
    table_versions,
    tables,
    volumes,
)
