"""Paths of artifacts of runs and logged models, as the tracking server's artifact proxy has them.

Whatever could mean something else once it is unquoted again is no path of an artifact.
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

    Relative to its artifacts, and not quoted. Raises NotFound, and UnsafePath as for a file of a model.
    """
    found = _ARTIFACT.fullmatch(artifact)
    owner = found["rest"].partition("/")[0] if found else ""
    # What is unquoted once more somewhere must still be the same path.
    if not found or not _ID.fullmatch(owner) or unquote(artifact) != artifact:
        raise NotFound(f"{artifact[:300]!r} is not an artifact of a run or a logged model.")
    return check_relative_path(f"{found['experiment']}/{_KINDS[found['kind']]}{found['rest']}")


def artifact_url_path(path: str = "") -> str:
    """The path of the tracking server's artifacts, or of one, quoted."""
    return f"{_ARTIFACTS}/{quote(path)}" if path else _ARTIFACTS
