"""Conditions on lists of ids, each list as one parameter: `IN` takes one for each id, and a page has 500."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, BindParameter, ColumnElement, Dialect, String, bindparam, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


def is_one_of(
    column: ColumnElement[str], ids: Sequence[str] | BindParameter[Sequence[str]]
) -> ColumnElement[bool]:
    """Condition that a column has one of these values; an index on it finds the rows."""
    return _IsOneOf(column, ids if isinstance(ids, BindParameter) else literal(ids, _TextList()))


def ids_parameter(name: str) -> BindParameter[Sequence[str]]:
    """Parameter for a list of ids, in a statement that is put together once."""
    return bindparam(name, type_=_TextList())


class _IsOneOf(FunctionElement[bool]):
    # Without a type: SQLite has no booleans, so that SQLAlchemy would compare one with 1, past the index.
    name = "is_one_of"
    inherit_cache = True


@compiles(_IsOneOf, "sqlite")
def _in_json(condition: _IsOneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(each, **options) for each in condition.clauses)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608 - its parameter


@compiles(_IsOneOf, "postgresql")
def _in_array(condition: _IsOneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(each, **options) for each in condition.clauses)
    return f"{column} = ANY ({ids})"


class _TextList(TypeDecorator[Sequence[str]]):
    """List of texts: an array or, for a database that has none, JSON."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else ARRAY(String()))

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:
        return json.dumps(value) if dialect.name == "sqlite" else value
