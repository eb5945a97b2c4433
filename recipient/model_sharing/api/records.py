"""Records: lists that a notebook shows as tables, and that become data frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from html import escape
from typing import Any, TypeVar

from model_sharing_protocol.errors import MissingDependency
from model_sharing_protocol.printable import printable

MAX_ROWS_SHOWN = 100

T = TypeVar("T")


class Records(list[T]):
    """List of dataclass instances of one kind, such as SharedModel or SharedVersion."""

    def __init__(self, items: Iterable[T], kind: type[Any]) -> None:
        super().__init__(items)
        self._columns = [each.name for each in fields(kind)]

    def to_frame(self) -> Any:
        """Make a pandas DataFrame of it.

        Returns:
            A `pandas.DataFrame` with a row for each item and a column for each of its fields; times are in
            UTC.

        Raises:
            MissingDependency: pandas is not installed.

        Example:
            >>> catalog.list_models().to_frame()[["full_name", "latest_version"]].values.tolist()
            [['vendor.ml_team.iris_model', 1]]
        """
        try:
            import pandas  # noqa: PLC0415  # comes with the extra `mlflow`
        except ModuleNotFoundError as error:
            raise MissingDependency(
                "Data frames need pandas, which is not installed: pip install 'model-sharing[mlflow]'."
            ) from error
        columns = {name: [getattr(item, name) for item in self] for name in self._columns}
        # Whole numbers, of which some may be missing, stay whole numbers.
        return pandas.DataFrame(columns).convert_dtypes()

    def _repr_html_(self) -> str:
        shown = [[_cell(getattr(item, name)) for name in self._columns] for item in self[:MAX_ROWS_SHOWN]]
        return table_html(self._columns, shown, hidden=len(self) - len(shown))


def table_html(titles: Sequence[str], rows: Sequence[Sequence[str]], *, hidden: int = 0) -> str:
    """HTML table for a notebook; whatever others wrote is only text in it. `hidden` rows are only counted."""
    head = "".join(f"<th>{_safe(title)}</th>" for title in titles)
    body = "".join(f"<tr>{''.join(f'<td>{_safe(cell)}</td>' for cell in row)}</tr>" for row in rows)
    more = f"<p>and {hidden} more</p>" if hidden > 0 else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _safe(text: str) -> str:
    return escape(printable(text))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {item}" for key, item in value.items())
    return str(value)
