"""The privileges that operations ask for (Unity Catalog's words)."""

from __future__ import annotations

from enum import StrEnum


class Privilege(StrEnum):
    SELECT = "SELECT"
    MANAGE = "MANAGE"
    CREATE_CATALOG = "CREATE_CATALOG"
    CREATE_SCHEMA = "CREATE_SCHEMA"
    CREATE_MODEL = "CREATE_MODEL"
    CREATE_SHARE = "CREATE_SHARE"
    CREATE_RECIPIENT = "CREATE_RECIPIENT"
    BROWSE = "BROWSE"
