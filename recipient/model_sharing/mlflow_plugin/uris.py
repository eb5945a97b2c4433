"""URIs of a shared version's files for MLflow: `model-sharing://<mount>/<schema>.<model>/<version>`."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.names import FullName, ModelRef, parse_version

SCHEME = "model-sharing"


def artifact_uri(name: FullName, version: int) -> str:
    """URI of a version's files."""
    parts = (quote(part, safe="") for part in (name.catalog, f"{name.schema}.{name.name}"))
    return f"{SCHEME}://{'/'.join(parts)}/{version}"


def parse_artifact_uri(uri: str) -> tuple[ModelRef, str]:
    """Version that the URI names, and the path below its files ("" for all of them)."""
    parts = urlsplit(uri)
    pieces = parts.path.strip("/").split("/", 2)
    if parts.scheme != SCHEME or len(pieces) < 2 or parts.query or parts.fragment:
        raise InvalidParameter(
            f"{uri!r} names no shared model's files; it has the form {SCHEME}://catalog/schema.model/3."
        )
    name = FullName.parse(f"{unquote(parts.netloc)}.{unquote(pieces[0])}")
    return ModelRef(str(name), version=parse_version(pieces[1])), "/".join(pieces[2:])
