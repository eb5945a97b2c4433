"""Trigger of PostgreSQL that refuses a change of one model which writes any other row."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from model_sharing_protocol.names import FullName
from model_sharing_provider.metastore.engine.writer_locks import model_key
from model_sharing_provider.metastore.tables import metadata

_FREE = ("audit_log", "changes", "metastores")
"""Tables that every change writes."""
_MODEL_OF = {
    "registered_models": "written.id",
    "model_versions": "written.model_id",
    "model_aliases": "written.model_id",
    "tags": "COALESCE((SELECT model_id FROM model_versions WHERE id = written.securable_id), "
    "written.securable_id)",
    **dict.fromkeys(
        ("uploaded_files", "upload_sessions", "uploaded_parts", "lineage"),
        "(SELECT model_id FROM model_versions WHERE id = written.version_id)",
    ),
    # A change of one model has no job but the finalization of a version.
    "jobs": "(SELECT model_id FROM model_versions WHERE id = written.subject)",
}
"""Model of a row, by table. No change of one model writes another table than these."""

_KEYS = "CREATE TABLE lock_keys (key bigint PRIMARY KEY, name text NOT NULL)"
_CHECK = """
CREATE FUNCTION check_scope_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    written record;
    allowed text;
    found text;
BEGIN
    IF EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory' AND objsubid = 1
               AND objid = 8642 AND mode = 'ExclusiveLock') THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN written := OLD; ELSE written := NEW; END IF;
    SELECT k.name INTO allowed FROM pg_locks l JOIN lock_keys k ON k.key = l.objid::bigint
    WHERE l.pid = pg_backend_pid() AND l.locktype = 'advisory' AND l.objsubid = 2 AND l.classid = 8642
        AND l.mode = 'ExclusiveLock';
    SELECT c.name || '.' || s.name || '.' || m.name INTO found
    FROM registered_models m JOIN schemas s ON s.id = m.schema_id JOIN catalogs c ON c.id = s.catalog_id
    WHERE m.id = {model};
    IF allowed IS NULL OR allowed IS DISTINCT FROM found THEN
        RAISE 'a change of % wrote to {table}, of %', allowed, found;
    END IF;
    RETURN NULL;
END $$
"""
_TRIGGER = """
CREATE TRIGGER check_scope AFTER INSERT OR UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION check_scope_{table}()
"""


def check_scopes(url: str, models: Iterable[FullName]) -> None:
    """Make each transaction fail that writes outside of the locks that it holds; it may lock these models."""
    with psycopg.connect(url) as connection:
        connection.execute(_KEYS)
        for model in models:
            key = model_key(str(model)) % 2**32
            connection.execute("INSERT INTO lock_keys VALUES (%s, %s)", (key, str(model)))
        for table in metadata.tables.keys() - set(_FREE):
            model_id = _MODEL_OF.get(table, "NULL")
            for statement in (_CHECK, _TRIGGER):
                connection.execute(statement.format(table=table, model=model_id).encode())
