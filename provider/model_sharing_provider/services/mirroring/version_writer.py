"""Writer of mirrored versions: the signed list of files is verified and kept first, then the row is added."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from model_sharing_protocol.errors import NotFound
from model_sharing_protocol.manifest import Manifest
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_provider.artifacts.bundles import Bundles, StoredBundle
from model_sharing_provider.artifacts.layout import version_root
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.domain.mirrors import Mirror
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.domain.upstreams import SignedTarget, UpstreamVersion
from model_sharing_provider.services.context import Operation
from model_sharing_provider.services.mirroring.texts import (
    known_format,
    limited_comment,
    limited_license,
    limited_recall,
    limited_run_id,
    limited_signature,
    limited_source,
    limited_summary,
    limited_tags,
)
from model_sharing_provider.services.mirroring.upstream import UpstreamShareClient

_VERSIONS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class VerifiedVersion:
    """New version whose manifest and signature are stored under its id, and its signed state."""

    id: str
    described: UpstreamVersion
    manifest: Manifest
    key_fingerprint: str
    state: SignedTarget


class VersionWriter:
    def __init__(self, bundles: Bundles, manifests: Manifests) -> None:
        self._bundles = bundles
        self._manifests = manifests

    async def verify(
        self, share: UpstreamShareClient, name: SharedName, versions: Sequence[UpstreamVersion]
    ) -> list[VerifiedVersion]:
        """Verify new versions, and store the manifests and signatures. Ones that went meanwhile are left out.

        Raises UntrustedSignature, UnsafePath, CorruptArtifact, and what the share raises.
        """
        slots = asyncio.Semaphore(_VERSIONS_AT_ONCE)

        async def verify_one(version: UpstreamVersion) -> VerifiedVersion | None:
            async with slots:
                try:
                    return await self._verify(share, name, version)
                except NotFound:
                    return None

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(verify_one(version)) for version in versions]
        except ExceptionGroup as failures:
            # One failing version cancels the others; its own error is the one to act on.
            raise failures.exceptions[0] from failures
        return [verified for task in tasks if (verified := task.result()) is not None]

    async def _verify(
        self, share: UpstreamShareClient, name: SharedName, version: UpstreamVersion
    ) -> VerifiedVersion:
        files = await share.files(name, version.number)
        # Chunk maps and deltas are the provider's: here they are used when files are fetched, and not kept.
        manifest = Manifest.of(files.manifest.files)
        version_id = str(uuid4())
        stored = StoredBundle(files.bundle, files.key_pem)
        await self._bundles.write(version_id, stored)
        await self._manifests.write(version_id, manifest)
        return VerifiedVersion(version_id, version, manifest, stored.key.fingerprint, files.state)

    async def discard(self, versions: Sequence[VerifiedVersion]) -> None:
        """Delete what was stored for versions whose rows were not added."""
        for version in versions:
            await self._manifests.delete(version.id)


async def add_mirrored_version(
    operation: Operation,
    mirror: Mirror,
    name: SharedName,
    model_id: str,
    verified: VerifiedVersion,
) -> None:
    """Add the row of a verified version to its model."""
    described, manifest = verified.described, verified.manifest
    created_at = described.created_at or operation.now
    recall = limited_recall(verified.state.recall)
    version = ModelVersion(
        id=verified.id,
        model_id=model_id,
        full_name=FullName(mirror.catalog, name.schema, name.name),
        version=described.number,
        status=VersionStatus.READY,
        comment=limited_comment(described.comment),
        source=limited_source(described),
        run_id=limited_run_id(described),
        storage_path=version_root(model_id, verified.id),
        signature=limited_signature(described),
        digest=manifest.digest,
        size=manifest.size,
        num_files=len(manifest.files),
        created_at=created_at,
        created_by=mirror.provider,
        updated_at=created_at,
        origin_provider=mirror.provider,
        origin_share=mirror.share,
        origin_model=str(name),
        origin_version=described.number,
        origin_digest=manifest.digest,
        origin_key=verified.key_fingerprint,
        recalled_at=recall.at if recall else None,
        recall_reason=recall.reason if recall else "",
        recall_replacement=recall.replacement if recall else None,
        format=known_format(described, manifest),
        license=limited_license(described),
        summary=limited_summary(described),
    )
    await operation.rows.versions.add(version)
    for key, value in limited_tags(described.tags).items():
        await operation.rows.models.set_tag(version.id, key, value)
