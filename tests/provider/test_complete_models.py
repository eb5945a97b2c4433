"""Models of a list are complete: with what is long, and with what belongs to them in other tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from model_sharing_protocol.names import FullName
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.domain.securables import VersionStatus
from model_sharing_provider.metastore.tables import model_versions
from model_sharing_provider.services.registry.tags import TagChange
from support.admin_client import AdminClient
from support.model_folder import write_model

pytestmark = pytest.mark.each_database


async def test_each_model_has_its_own_comment_aliases_tags_and_newest_ready_version(
    admin: AdminClient, tmp_path: Path
) -> None:
    models, context, folder = admin.provider.models, admin.context, write_model(tmp_path / "m")
    short, long = "é" * 256, "é" * 257
    for name, versions in ("prod.ml.several", 3), ("prod.ml.one", 1):
        for _ in range(versions):
            await admin.register(folder, name, "Champion")
    for name, comment in ("none", ""), ("short", short), ("long", long):
        await models.create(context, FullName("prod", "ml", name), comment)
    await models.tag(context, FullName("prod", "ml", "one"), TagChange(add={"b": "2", "a": "1"}))
    await models.tag(context, FullName("prod", "ml", "long"), TagChange(add={"team": "vision"}))
    async with admin.provider.database.write() as rows:
        newest = update(model_versions).where(model_versions.c.version == 3)
        await rows.models._connection.execute(newest.values(status=VersionStatus.PENDING_REGISTRATION))
    page = await models.search(context, PageRequest())
    assert [(each.full_name.name, each.comment) for each in page.items] == [
        ("long", long),
        ("none", ""),
        ("one", ""),
        ("several", ""),
        ("short", short),
    ]
    assert [dict(each.aliases) for each in page.items] == [{}, {}, {"Champion": 1}, {"Champion": 3}, {}]
    assert [each.tags for each in page.items] == [{"team": "vision"}, {}, {"a": "1", "b": "2"}, {}, {}]
    assert [each.latest_version for each in page.items] == [None, None, 1, 2, None]
    for each in page.items:
        assert each == await models.get(context, each.full_name)


async def test_models_of_one_page_have_the_names_of_their_own_schemas_and_catalogs(
    admin: AdminClient, tmp_path: Path
) -> None:
    folder, names = write_model(tmp_path / "m"), ["dev.ml.scorer", "prod.ml.scorer", "prod.nlp.scorer"]
    for name in names:
        await admin.register(folder, name)
    page = await admin.provider.models.search(admin.context, PageRequest())
    assert [str(each.full_name) for each in page.items] == names
