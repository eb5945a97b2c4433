"""Copies that clients make of another provider's version: MLflow downloads it, and uploads it as a new one.

What was uploaded may be anything. Only if it is, file by file, what the other provider signed, the new
version keeps that origin and its signature, as copies that this server makes do.
"""

from __future__ import annotations

from collections.abc import Sequence

from model_sharing_protocol.errors import NotFound
from model_sharing_protocol.revisions import Revision
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.uploads import UploadedFile
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.publishing.uploads import referenced_version

DOWNLOAD_NOTE = "registered_model_meta"
"""File in which MLflow notes from which registered model it downloaded the others."""


async def find_source(
    context: Context, manifests: Manifests, version: ModelVersion, files: Sequence[UploadedFile]
) -> ModelVersion | None:
    """Version that these uploads are a copy of, file by file, without MLflow's note; else None."""
    reference = referenced_version(version.source)
    if reference is None:
        return None
    name, number = reference
    async with context.read_unaudited() as rows:
        source = await rows.registry_reads.version(name, Revision(number=number))
    if source is None:
        return None
    try:
        known = (await manifests.read(source.id)).manifest.files
    except NotFound:  # it was deleted meanwhile
        return None
    uploaded = {file.path: file.sha256 for file in without_note(files)}
    return source if uploaded == {file.path: file.sha256 for file in known} else None


def without_note(files: Sequence[UploadedFile]) -> list[UploadedFile]:
    """Files that a copy consists of."""
    return [file for file in files if file.path != DOWNLOAD_NOTE]
