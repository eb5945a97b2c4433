"""Signatures of versions from other providers, shown and checked again."""

from __future__ import annotations

from dataclasses import dataclass

from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.errors import InvalidState, UntrustedSignature
from model_sharing_protocol.names import FullName
from model_sharing_protocol.signatures import Bundle, SignedName, verify_manifest
from model_sharing_provider.artifacts.bundles import Bundles
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.registry.versions import find_version, version_target


@dataclass(frozen=True, slots=True)
class OriginSignature:
    """Signature of a version that was just checked: the name and the number of files that it is for."""

    signed_name: SignedName
    key: PublicKey
    bundle: Bundle
    num_files: int


class OriginSignatures:
    def __init__(self, bundles: Bundles, manifests: Manifests) -> None:
        self._bundles = bundles
        self._manifests = manifests

    async def check(self, context: Context, name: FullName, number: int) -> OriginSignature:
        """Check that a version's files are those that its provider signed, and give the signature.

        Raises NotFound, InvalidState for a version that was made here, UntrustedSignature, CorruptArtifact.
        """
        target = version_target(name, number)
        async with context.view(AuditAction.GET_MODEL_VERSION_SIGNATURE, target) as operation:
            await operation.authorize(rules.READ_MODEL)
            version = await find_version(operation, name, number)
            origin = version.origin
            if origin is None:
                raise InvalidState(
                    f"Version {number} of '{name}' was made in this metastore; it is signed for each "
                    "recipient when that asks for it."
                )
        stored = await self._bundles.read(version.id)
        if stored.key.fingerprint != origin.key:
            raise UntrustedSignature(
                f"The signature of version {number} of '{name}' is by {stored.key.fingerprint}; expected one "
                f"by {origin.key}."
            )
        manifest = (await self._manifests.read(version.id)).manifest
        signed_name = SignedName(origin.share, origin.model, origin.version)
        verify_manifest(stored.bundle, signed_name, manifest, [stored.key])
        return OriginSignature(signed_name, stored.key, stored.bundle, len(manifest.files))
