"""MLflow model signatures as text: the columns or tensors of a model's inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def signature_words(signature: Mapping[str, Any] | None) -> str:
    """Signature of a model on one line: `sepal length: double, petal width: double → long`."""
    sides = [describe_columns((signature or {}).get(side)) for side in ("inputs", "outputs")]
    return " → ".join(side for side in sides if side)


def describe_columns(part: Any) -> str:
    """Columns of one side of a signature, for people: `sepal length: double, petal width: double`."""
    if not isinstance(part, list):
        return "" if part is None else str(part)
    described = []
    for column in part:
        fields = column if isinstance(column, dict) else {"type": column}
        tensor = fields.get("tensor-spec")
        kind = (
            f"{tensor.get('dtype')} {tensor.get('shape')}" if isinstance(tensor, dict) else fields.get("type")
        )
        described.append(f"{fields['name']}: {kind}" if fields.get("name") else str(kind))
    return ", ".join(described)
