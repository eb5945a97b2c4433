"""Resolution of references: the provider is asked in one request, or its last answer is still good.

What was said last is kept, signed as it came. The provider is asked whether it still holds, by the tag that
came along; "not modified" is believed only while what was kept is young, so nobody can freeze an alias by it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from model_sharing.client.sharing_client import SharingClient, VersionAnswer
from model_sharing.mount_table import Mount
from model_sharing.resolution.freshness import duration, is_young
from model_sharing.resolution.known_state import KnownState, StateSequence
from model_sharing.resolution.trust import Trust
from model_sharing.resolution.version_files import VersionFiles, manifest_from_response
from model_sharing_protocol.errors import (
    CorruptArtifact,
    InvalidParameter,
    NotFound,
    PermissionDenied,
    ServerUnreachable,
    SharingWarning,
)
from model_sharing_protocol.names import ModelRef, SharedName
from model_sharing_protocol.open_sharing import (
    ModelVersion,
    VersionFile,
    VersionMetadata,
)
from model_sharing_protocol.signatures import State
from model_sharing_protocol.times import iso, now_ms


class StaleAliasWarning(SharingWarning):
    """Alias resolved to what it was when last asked, since the provider cannot be reached."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Resolved version; `offline`, why it is from the cache, if so; its files if they came along."""

    version: ModelVersion
    offline: ServerUnreachable | None = None
    files: VersionFiles | None = None


@dataclass(frozen=True, slots=True)
class SignedAnswer:
    """Answer of the provider with the state that it signed, and the version's files if they came along."""

    answer: VersionAnswer
    state: State
    files: VersionFiles | None = None


class Resolver:
    """Resolver of references to the models of one mount.

    `has_manifest` says whether a version with this digest is in the cache. `alias_max_age` is in seconds.
    """

    def __init__(
        self,
        mount: Mount,
        client: SharingClient,
        trust: Trust,
        refs: KnownState,
        *,
        has_manifest: Callable[[str], bool],
        alias_max_age: float,
    ) -> None:
        self._has_manifest = has_manifest
        self._mount = mount
        self._client = client
        self._trust = trust
        self._known_state = refs
        self._alias_max_age = alias_max_age

    async def resolve(self, name: SharedName, ref: ModelRef, *, with_files: bool = False) -> Resolved:
        """Resolve `ref` to a version; `with_files`, one that is not known here comes with its files."""
        seen = self._known_state.sequence(name)
        kept = self._kept(name, ref, seen)
        if kept is not None and self._still_good(name, ref):
            return Resolved(_plain(kept.answer))
        try:
            said = await self._ask(name, ref, kept, with_files=with_files)
        except ServerUnreachable as error:
            return Resolved(self._from_cache(name, ref, error), error)
        except (NotFound, PermissionDenied):
            self._known_state.forget(name, version=ref.version, alias=ref.alias)
            raise
        self._known_state.accept_state(name, said.state, seen, said.answer)
        return Resolved(_plain(said.answer), files=said.files)

    async def files(self, name: SharedName, version: int, digest: str | None) -> VersionFiles:
        """List the files of a version whose manifest has this digest."""
        metadata, files = await self._client.query_version(self._mount.share, name, version)
        if metadata.version.version != version:
            raise CorruptArtifact(
                f"{self._mount.endpoint} was asked for the files of {name} version {version} and listed "
                f"those of version {metadata.version.version}. Tell the provider."
            )
        return await self._checked_files(name, version, digest, metadata, files)

    def _kept(self, name: SharedName, ref: ModelRef, seen: StateSequence) -> SignedAnswer | None:
        """Last answer, unless something later is known of the model, or another key signs now."""
        answer = self._known_state.answer(name, version=ref.version, alias=ref.alias)
        state = self._trust.check_stored_state(answer.version, name, _asked(ref)) if answer else None
        if answer is None or state is None or state.sequence < seen:
            return None
        return SignedAnswer(answer, state)

    def _still_good(self, name: SharedName, ref: ModelRef) -> bool:
        """True if the last answer is so recent that the user does not want the provider asked."""
        alias = self._known_state.alias(name, ref.alias) if ref.alias is not None else None
        return alias is not None and 0 <= now_ms() - alias.resolved_at < self._alias_max_age * 1000

    async def _ask(
        self, name: SharedName, ref: ModelRef, kept: SignedAnswer | None, *, with_files: bool
    ) -> SignedAnswer:
        if with_files and not self._known_state.knows(name, version=ref.version, alias=ref.alias):
            return await self._ask_for_all(name, ref)
        tag = kept.answer.tag if kept is not None and is_young(kept.state.issued_at, now_ms()) else ""
        answer = await self._client.get_version(
            self._mount.share, name, _asked(ref), tag, lambda: self._is_cached(name, ref)
        )
        if answer is None:
            assert kept is not None  # noqa: S101 - "not modified" is only taken for an answer to a tag
            return kept
        return await self._said(name, ref, answer)

    def _is_cached(self, name: SharedName, ref: ModelRef) -> bool:
        """True if the version that was last known by `ref` can be had without the provider."""
        alias = self._known_state.alias(name, ref.alias) if ref.alias is not None else None
        number = alias.version if alias is not None else ref.version
        known = self._known_state.version(name, number) if number is not None else None
        return known is not None and self._has_manifest(known.digest)

    async def _ask_for_all(self, name: SharedName, ref: ModelRef) -> SignedAnswer:
        """Ask for version and files in one request."""
        metadata, files = await self._client.query_version(self._mount.share, name, _asked(ref))
        said = await self._said(name, ref, VersionAnswer(metadata.version))
        version = said.answer.version
        checked = await self._checked_files(name, version.version, version.digest, metadata, files)
        return SignedAnswer(said.answer, said.state, checked)

    async def _said(self, name: SharedName, ref: ModelRef, answer: VersionAnswer) -> SignedAnswer:
        version = answer.version.version
        if ref.version is not None and version != ref.version:
            raise CorruptArtifact(
                f"{self._mount.endpoint} was asked for {name} version {ref.version} and answered with "
                f"version {version}. Tell the provider."
            )
        return SignedAnswer(answer, await self._trust.state(answer.version, name, _asked(ref)))

    async def _checked_files(
        self,
        name: SharedName,
        version: int,
        digest: str | None,
        metadata: VersionMetadata,
        files: list[VersionFile],
    ) -> VersionFiles:
        manifest = manifest_from_response(metadata, files)
        bundle = await self._trust.check_new_bundle(metadata.bundle, name, version, manifest)
        if manifest.digest != digest:
            raise CorruptArtifact(
                f"{self._mount.endpoint} describes {name} version {version} as {digest} and lists the files "
                f"of {manifest.digest}. Try again; if it stays, tell the provider."
            )
        maps = (metadata.chunk_maps,) if metadata.chunk_maps else ()
        return VersionFiles(manifest, bundle, files, metadata.pack_url, (*maps, *metadata.deltas))

    def _from_cache(self, name: SharedName, ref: ModelRef, error: ServerUnreachable) -> ModelVersion:
        number = ref.version
        if ref.alias is not None:
            alias = self._known_state.alias(name, ref.alias)
            if alias is None:
                raise error
            number = alias.version
        known = self._known_state.version(name, number) if number is not None else None
        if known is None:
            raise error
        if ref.alias is not None and alias is not None:
            warnings.warn(
                f"{self._mount.endpoint} cannot be reached: {name}@{ref.alias} is taken as version {number}, "
                f"as of {iso(alias.resolved_at)} ({duration(now_ms() - alias.resolved_at)} ago).",
                StaleAliasWarning,
                stacklevel=2,
            )
        known.version.digest = known.digest
        return known.version


def _plain(answer: VersionAnswer) -> ModelVersion:
    """Version without its signed state, which is another with each answer."""
    return msgspec.structs.replace(answer.version, state=None)


def _asked(ref: ModelRef) -> int | str:
    asked = ref.version if ref.alias is None else ref.alias
    if asked is None:
        raise InvalidParameter(f"{ref.name!r} names no version.")
    return asked
