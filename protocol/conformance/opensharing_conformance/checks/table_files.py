"""Checks of the files of a table, which are fetched by their URLs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opensharing_conformance import shapes
from opensharing_conformance.checks.table_lines import answered, files, query
from opensharing_conformance.client import Answer
from opensharing_conformance.judgement import NotTested, require
from opensharing_conformance.registry import Subject, proves

_LARGEST = 8 * 2**20
_MAGIC = b"PAR1"


@proves("OS-TABLES-111")
def files_are_read_directly(subject: Subject) -> None:
    _, answer = _fetched(subject)
    shapes.require_status(answer, 200)


@proves("OS-TABLES-112")
def sizes(subject: Subject) -> None:
    file, answer = _fetched(subject)
    _there(answer)
    size = shapes.long(file, "size")
    require(len(answer.body) == size, f"the file has {len(answer.body)} bytes, its size is {size}")


@proves("OS-TABLES-113")
def files_are_parquet(subject: Subject) -> None:
    _, answer = _fetched(subject)
    _there(answer)
    body = answer.body
    marked = body[:4] == _MAGIC and body[-4:] == _MAGIC
    require(marked, f"the file begins with {body[:4]!r}, as no Parquet file does")


def _fetched(subject: Subject) -> tuple[Mapping[str, Any], Answer]:
    """Smallest file of the table, as its URL gives it."""
    found = files(answered(query(subject)))
    file = min(found, key=lambda file: shapes.long(file, "size"))
    if shapes.long(file, "size") > _LARGEST:
        raise NotTested(f"the smallest file has {file['size']} bytes")
    return file, subject.client.fetch(shapes.text(file, "url"))


def _there(answer: Answer) -> None:
    if answer.status != 200:
        raise NotTested(f"the file is answered {answer.status}")
