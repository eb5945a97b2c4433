"""Workspace id: Databricks clients ask for one, and MLflow keeps it with each run. There is one workspace."""

from __future__ import annotations

WORKSPACE_ID = 1
