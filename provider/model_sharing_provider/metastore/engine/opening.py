"""Opening of the engine that a database URL names."""

from __future__ import annotations

from model_sharing_protocol.errors import MissingDependency
from model_sharing_provider.metastore.engine.database_engine import POOL, DatabaseEngine


def engine_at(url: str, connections: int = POOL) -> DatabaseEngine:
    """Engine for `sqlite:///<path>` or `postgresql://…`; nothing is connected to yet.

    Raises MissingDependency without PostgreSQL's driver, InvalidParameter for a URL that cannot be read.
    """
    if url.startswith("sqlite:"):
        from model_sharing_provider.metastore.engine.sqlite import Sqlite  # noqa: PLC0415

        return Sqlite(url)
    try:
        from model_sharing_provider.metastore.engine.postgresql import PostgreSql  # noqa: PLC0415
    except ImportError as error:
        raise MissingDependency(
            "PostgreSQL needs its driver; install it with: pip install 'model-sharing[postgres]'."
        ) from error
    return PostgreSql(url, connections)
