"""Rows by a list of ids, which is one parameter, whatever is in it."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.dialects import sqlite

from model_sharing_protocol.names import FullName
from model_sharing_provider.metastore.rows.id_lists import is_one_of
from model_sharing_provider.metastore.tables import registered_models
from support.admin_client import AdminClient

HOSTILE = ["", "'", '"', '", "', "{}", "a,b", "\\", "é\u2028", "x' OR '1'='1"]


@pytest.mark.each_database
async def test_those_that_are_there_are_found_and_no_others(admin: AdminClient) -> None:
    await admin.provider.catalogs.create(admin.context, "prod")
    names = [FullName("prod", "ml_team", f"model_{number}") for number in range(3)]
    await admin.provider.catalogs.create_schema(admin.context, names[0].schema_name)
    first, second, _ = [await admin.provider.models.create(admin.context, name) for name in names]
    async with admin.provider.database.read() as rows:
        found = await rows.models.by_ids([*HOSTILE, second.id, first.id, first.id])
        assert {model.full_name for model in found.values()} == {first.full_name, second.full_name}
        assert await rows.models.by_ids(HOSTILE) == {}
        assert await rows.models.by_ids([]) == {}


def test_a_list_is_one_parameter() -> None:
    query = select(registered_models.c.id).where(is_one_of(registered_models.c.id, ["a"] * 500))
    assert len(query.compile(dialect=sqlite.dialect()).params) == 1
