"""Fields that commands print: the wire's names, the same on both command lines."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from importlib import import_module
from pkgutil import walk_packages

import msgspec
import pytest

from model_sharing import SharedModel, SharedVersion
from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol import unity_catalog as registry
from model_sharing_protocol import unity_catalog_sharing as sharing
from model_sharing_provider import domain, governance, services
from model_sharing_provider.cli.records import FIELDS
from model_sharing_provider.domain import securables
from model_sharing_provider.domain.lineage import LineageRecord
from model_sharing_provider.domain.sharing import (
    Recipient,
    RecipientToken,
    Share,
    ShareObject,
    SharingProvider,
)

MESSAGES: dict[type, tuple[type[msgspec.Struct], ...]] = {
    securables.Catalog: (registry.CatalogInfo,),
    securables.Schema: (registry.SchemaInfo,),
    securables.RegisteredModel: (registry.RegisteredModelInfo, wire.RegisteredModel),
    securables.ModelVersion: (registry.ModelVersionInfo, wire.ModelVersion, wire.VersionMetadata),
    LineageRecord: (registry.LineageInfo,),
    Share: (sharing.ShareInfo,),
    ShareObject: (sharing.SharedDataObject,),
    Recipient: (sharing.RecipientInfo,),
    RecipientToken: (sharing.RecipientTokenInfo,),
    SharingProvider: (sharing.ProviderInfo, sharing.RecipientProfile),
}
# What no message says of it.
ADDED: dict[type, set[str]] = {
    securables.ModelVersion: {"full_name"},
    LineageRecord: {"id"},
    ShareObject: {"skill"},
    RecipientToken: {"activated_at"},
    SharingProvider: {"id"},
}


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_fields_have_the_names_of_the_wire(kind: type) -> None:
    on_the_wire = {name for message in MESSAGES[kind] for name in message.__struct_fields__}
    assert set(FIELDS[kind.__name__]) - on_the_wire == ADDED.get(kind, set())


def test_each_name_stands_for_one_class() -> None:
    """Another one of the same name would be shown by fields that are not its own."""
    modules = [
        import_module(each.name)
        for package in (domain, governance, services)
        for each in walk_packages(package.__path__, f"{package.__name__}.")
    ]
    found = {each for module in modules for each in vars(module).values() if isinstance(each, type)}
    names = [each.__name__ for each in found if is_dataclass(each) and each.__name__ in FIELDS]
    assert sorted(names) == sorted(FIELDS)


def test_both_command_lines_name_models_and_versions_alike() -> None:
    assert {each.name for each in fields(SharedModel)} <= set(FIELDS["RegisteredModel"])
    assert {each.name for each in fields(SharedVersion)} <= set(FIELDS["ModelVersion"])
