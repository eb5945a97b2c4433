"""Columns that several tables have, and the metadata that all tables are in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Index, MetaData, String, Text, event, text
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def text_type(length: int) -> TypeEngine[str]:
    """Text compared and ordered by its bytes; PostgreSQL would use its locale, and enforce a length."""
    return String(length).with_variant(Text(collation="C"), "postgresql")


ID = text_type(36)
NAME = text_type(255)


def id_column() -> Column[str]:
    return Column("id", ID, primary_key=True)


def owned_columns() -> list[Column[str] | Column[int]]:
    """Columns of a securable: description, owner, times, and authors (empty where none was recorded)."""
    return [
        Column("comment", Text, nullable=False, default=""),
        Column("owner", NAME, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        Column("created_by", NAME, nullable=False, server_default=""),
        Column("updated_by", NAME, nullable=False, server_default=""),
    ]


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Index of the rows that meet a condition, in SQL for both databases.

    SQLAlchemy's own arguments for the condition import the dialects of both, with all their drivers.
    """
    return Index(name, *columns, unique=unique, info={"where": where})


@event.listens_for(metadata, "before_create")
def _set_conditions(created: MetaData, connection: Connection, **_: Any) -> None:
    for table in created.tables.values():
        for index in table.indexes:
            if "where" in index.info:
                index.dialect_options[connection.dialect.name]["where"] = text(index.info["where"])
