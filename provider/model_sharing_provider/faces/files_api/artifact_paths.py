"""Paths of artifacts of runs and logged models, as the tracking server's artifact proxy expects them.

A path that would mean something else if it were unquoted once more is refused.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from model_sharing_protocol.errors import NotFound
from model_sharing_protocol.paths import check_relative_path

_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_ARTIFACT = re.compile(
    r"(?P<experiment>[A-Za-z0-9_-]{1,64})/(?P<kind>Runs|LoggedModels)/(?P<rest>.+)", re.DOTALL
)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KINDS = {"Runs": "", "LoggedModels": "models/"}


def artifact_path(artifact: str) -> str:
    """Path at the tracking server of `<experiment>/Runs/<run>/…` or `<experiment>/LoggedModels/<model>/…`.

    It is relative to the artifacts, and not quoted. Raises NotFound, and UnsafePath as for a model's file.
    """
    found = _ARTIFACT.fullmatch(artifact)
    owner = found["rest"].partition("/")[0] if found else ""
    # The path must be the same if it is unquoted once more somewhere.
    if not found or not _ID.fullmatch(owner) or unquote(artifact) != artifact:
        raise NotFound(f"{artifact[:300]!r} is not an artifact of a run or a logged model.")
    return check_relative_path(f"{found['experiment']}/{_KINDS[found['kind']]}{found['rest']}")


def artifact_url_path(path: str = "") -> str:
    """Quoted path of the tracking server's artifacts, or of one of them."""
    return f"{_ARTIFACTS}/{quote(path)}" if path else _ARTIFACTS
