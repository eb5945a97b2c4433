"""Columns that several tables have, and the metadata that all tables are in."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    MetaData,
    String,
    Text,
)
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
