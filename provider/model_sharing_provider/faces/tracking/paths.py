"""Paths of the tracking API that are forwarded, matched as they were sent.

They are never unquoted: anything that could mean something else to the tracking server (`..`, `%2f`, `%3F`,
`;`, a backslash) is in no path of MLflow's API, and is refused.
"""

from __future__ import annotations

import re

from model_sharing_protocol.errors import NotFound

PREFIXES = ("/api/2.0/mlflow", "/api/3.0/mlflow")
METHODS = ("GET", "POST", "PATCH", "DELETE")

# The areas of `mlflow.protos.service_pb2` in 3.17 that are about runs. Models are kept here; the gateway's
# secrets, workspaces and jobs are for the operators of the tracking server.
_AREAS = (
    "datasets",
    "experiments",
    "issues",
    "label-schemas",
    "logged-models",
    "metrics",
    "review-queues",
    "runs",
    "scorers",
    "traces",
)
# The key of a tag may have spaces, and is a segment of the path that deletes it.
_SEGMENT = r"(?!\.{1,2}(?:/|$))(?:[A-Za-z0-9_.:-]|%20){1,256}"
_AREA = "|".join(_AREAS)
_PATH = re.compile(rf"/api/[23]\.0/mlflow/(?:artifacts/list|(?:{_AREA})(?:/{_SEGMENT}){{0,6}})")


def api_path(raw_path: str) -> str:
    """Path to request from the tracking server, unchanged. Raises NotFound for one that is not forwarded."""
    if not _PATH.fullmatch(raw_path):
        raise NotFound("There is nothing at this path.")
    return raw_path
