"""A share with thousands of versions, and what a mirror of it has."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_protocol.names import SchemaName
from model_sharing_provider.configuration.settings import Settings
from support.admin_client import AdminClient
from support.bulk_insert import bulk_insert
from support.model_folder import MLMODEL
from support.processes.provider import SHARE
from support.two_metastores import TwoMetastores

SCHEMA = SchemaName("prod", "bulk")


def fill_share(two: TwoMetastores, models: int, versions_each: int) -> None:
    """Add a schema with so many models to Acme's share. Their files are listed and signed, and not there."""
    home = two.acme.home

    async def create_schema(admin: AdminClient) -> str:
        return (await admin.provider.catalogs.create_schema(admin.context, SCHEMA)).id

    async def share_schema(admin: AdminClient) -> None:
        await admin.add_schema(SHARE, str(SCHEMA))

    bulk_insert(Settings(home).database_url, two.at_acme(create_schema), models, versions_each, 0)
    _give_manifests(home)
    two.at_acme(share_schema)


def _give_manifests(home: Path) -> None:
    """Manifests for the versions that were inserted in bulk, which recipients verify."""
    mlmodel = ManifestFile("MLmodel", len(MLMODEL), hashlib.sha256(MLMODEL.encode()).hexdigest())
    folder = home / "artifacts" / "manifests"
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(home / "metastore.db")) as rows:
        found = rows.execute(
            "SELECT id FROM model_versions WHERE digest LIKE 'sha256:0000000000%'"
        ).fetchall()
        described = []
        for (version_id,) in found:
            weights = ManifestFile("model.pkl", 7, hashlib.sha256(version_id.encode()).hexdigest())
            manifest = Manifest.of([mlmodel, weights])
            (folder / f"{version_id}.json").write_bytes(manifest.to_json())
            described.append((manifest.digest, manifest.size, version_id))
        rows.executemany(
            "UPDATE model_versions SET digest = ?, size = ?, num_files = 2 WHERE id = ?", described
        )
        rows.commit()


def versions_in(home: Path, catalog: str) -> dict[tuple[str, str, int], str]:
    """Digests of the versions in a catalog, read from the database beside its servers."""
    query = """
        SELECT s.name, m.name, v.version, v.digest FROM model_versions v
        JOIN registered_models m ON m.id = v.model_id
        JOIN schemas s ON s.id = m.schema_id JOIN catalogs c ON c.id = s.catalog_id
        WHERE c.name = ?"""
    with closing(sqlite3.connect(home / "metastore.db")) as rows:
        found = rows.execute(query, (catalog,)).fetchall()
    return {(schema, model, version): digest for schema, model, version, digest in found}


def champion_in(home: Path, catalog: str, model: str) -> int:
    """Version that the alias Champion of a model of the large schema points at; 0 without."""
    query = """
        SELECT a.version FROM model_aliases a JOIN registered_models m ON m.id = a.model_id
        JOIN schemas s ON s.id = m.schema_id JOIN catalogs c ON c.id = s.catalog_id
        WHERE c.name = ? AND s.name = ? AND m.name = ? AND a.alias_key = 'champion'"""
    with closing(sqlite3.connect(home / "metastore.db")) as rows:
        found = rows.execute(query, (catalog, SCHEMA.schema, model)).fetchone()
    return int(found[0]) if found else 0
