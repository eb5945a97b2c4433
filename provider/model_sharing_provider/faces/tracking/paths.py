"""Paths of the tracking API that are passed on, read as they were sent.

There is one parser, and no unquoting: whatever could mean something else to the tracking server (`..`, `%2f`,
`%3F`, `;`, a backslash) is in no path of MLflow's API, and so in none of ours.
"""

from __future__ import annotations

import re

from model_sharing_protocol.errors import NotFound

PREFIXES = ("/api/2.0/mlflow", "/api/3.0/mlflow")
METHODS = ("GET", "POST", "PATCH", "DELETE")

# Of `mlflow.protos.service_pb2` in 3.17, what is about runs. Models are kept here; the gateway's secrets,
# workspaces and jobs are for those who run the tracking server.
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
# A tag's key may have spaces, and is a segment where it is deleted.
_SEGMENT = r"(?!\.{1,2}(?:/|$))(?:[A-Za-z0-9_.:-]|%20){1,256}"
_AREA = "|".join(_AREAS)
_PATH = re.compile(rf"/api/[23]\.0/mlflow/(?:artifacts/list|(?:{_AREA})(?:/{_SEGMENT}){{0,6}})")


def api_path(raw_path: str) -> str:
    """The path to ask the tracking server for, which is the one that was sent. Raises NotFound."""
    if not _PATH.fullmatch(raw_path):
        raise NotFound("There is nothing at this path.")
    return raw_path
