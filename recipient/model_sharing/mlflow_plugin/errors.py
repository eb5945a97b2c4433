"""MLflow errors for ours, as MLflow's callers expect them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import ErrorCode

from model_sharing_protocol.errors import SharingError

_CODES = {name: ErrorCode.Value(name) for name in ErrorCode.keys()}  # noqa: SIM118  # an enum wrapper, no dict
_OTHER_NAMES = {"UNSUPPORTED_OPERATION": "BAD_REQUEST"}


@contextlib.contextmanager
def as_mlflow_errors() -> Iterator[None]:
    """Raise a SharingError as the MlflowException with the same message and the code of its row."""
    try:
        yield
    except SharingError as error:
        raise MlflowException(error.message, error_code=mlflow_error_code(error)) from error


def mlflow_error_code(error: SharingError) -> int:
    """MLflow error code of an error."""
    name = error.row.unity_catalog_code
    code: int = _CODES.get(name) or _CODES.get(_OTHER_NAMES.get(name, ""), _CODES["INTERNAL_ERROR"])
    return code
