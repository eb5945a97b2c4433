"""Resolution of references: the provider is asked in one request, or its last answer is still good.

The last answer is stored, signed as it came. The provider is asked whether it still holds, by its ETag; "not
modified" is believed only while the stored answer is fresh, so that nobody can freeze an alias by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from model_sharing.client.sharing_client import SharingClient, VersionAnswer
from model_sharing.mount_table import Mount
from model_sharing.resolution.freshness import duration, is_fresh
from model_sharing.resolution.known_state import KnownState, StateSequence
from model_sharing.resolution.pinned_keys import PinnedKeys
from model_sharing.resolution.version_files import VersionFiles, manifest_from_response
from model_sharing.settings import RecalledPolicy
from model_sharing_protocol.errors import (
    CorruptArtifact,
    InvalidParameter,
    NotFound,
    PermissionDenied,
    ServerUnreachable,
    SharingWarning,
    TermsNotAccepted,
    VersionRecalled,
)
from model_sharing_protocol.names import ModelRef, SharedName
from model_sharing_protocol.open_sharing import (
    ModelVersion,
    VersionFile,
    VersionMetadata,
)
from model_sharing_protocol.recalls import recalled_error
from model_sharing_protocol.signatures import State
from model_sharing_protocol.terms import TERMS_COMMAND
from model_sharing_protocol.times import iso, now_ms


class StaleAliasWarning(SharingWarning):
    """Alias resolved to what it was when last asked, since the provider cannot be reached."""


class RecalledVersionWarning(SharingWarning):
    """Version that its provider recalled is used all the same, as the policy on such versions allows."""


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

    `has_manifest` says whether a version with this digest is in the cache, `drop` deletes it there and may
    block. `alias_max_age` is in seconds.
    """

    def __init__(
        self,
        mount: Mount,
        client: SharingClient,
        pinned_keys: PinnedKeys,
        known_state: KnownState,
        *,
        has_manifest: Callable[[str], bool],
        drop: Callable[[str], None],
        alias_max_age: float,
        recalled: RecalledPolicy,
    ) -> None:
        self._has_manifest = has_manifest
        self._drop = drop
        self._recalled = recalled
        self._mount = mount
        self._client = client
        self._pinned_keys = pinned_keys
        self._known_state = known_state
        self._alias_max_age = alias_max_age

    async def resolve(self, name: SharedName, ref: ModelRef, *, with_files: bool = False) -> Resolved:
        """Resolve `ref` to a version; `with_files`, one that is not known here comes with its files.

        Raises VersionRecalled, or warns, as the policy says: also offline, once a recall is known.
        """
        resolved = await self._resolve(name, ref, with_files=with_files)
        await self._check_recalled(name, resolved.version)
        return resolved

    async def _check_recalled(self, name: SharedName, version: ModelVersion) -> None:
        recall = self._known_state.recall(name, version.version)
        if recall is None:
            return
        error = recalled_error(f"{self._mount.name}.{name}", version.version, recall)
        if self._recalled is RecalledPolicy.WARN:
            warnings.warn(error.message, RecalledVersionWarning, stacklevel=2)
            return
        await self._drop_if_told(version)
        raise error

    async def _resolve(self, name: SharedName, ref: ModelRef, *, with_files: bool) -> Resolved:
        seen = self._known_state.sequence(name)
        stored = self._stored_answer(name, ref, seen)
        if stored is not None and self._is_recent_enough(name, ref):
            return Resolved(_without_state(stored.answer))
        try:
            signed = await self._ask_and_record(name, ref, seen, stored, with_files=with_files)
        except ServerUnreachable as error:
            return Resolved(self._from_cache(name, ref, error), error)
        return Resolved(_without_state(signed.answer), files=signed.files)

    async def resolve_now(self, name: SharedName, ref: ModelRef) -> ModelVersion:
        """Resolve `ref` by what the provider signs now. Raises ServerUnreachable if it does not answer."""
        seen = self._known_state.sequence(name)
        stored = self._stored_answer(name, ref, seen)
        signed = await self._ask_and_record(name, ref, seen, stored, with_files=False)
        return _without_state(signed.answer)

    async def learn_recall(self, name: SharedName, version: int) -> None:
        """Learn whether a version is recalled now; the copy of one goes, if the policy is to drop it.

        Raises ServerUnreachable if the provider does not answer.
        """
        found = await self.resolve_now(name, ModelRef(str(name), version=version))
        if self._known_state.recall(name, version) is not None:
            await self._drop_if_told(found)

    async def _drop_if_told(self, version: ModelVersion) -> None:
        if self._recalled is RecalledPolicy.DROP and version.digest is not None:
            await asyncio.to_thread(self._drop, version.digest)

    async def _ask_and_record(
        self,
        name: SharedName,
        ref: ModelRef,
        seen: StateSequence,
        stored: SignedAnswer | None,
        *,
        with_files: bool,
    ) -> SignedAnswer:
        try:
            signed = await self._ask(name, ref, stored, with_files=with_files)
        except (NotFound, PermissionDenied, VersionRecalled):
            self._known_state.forget(name, version=ref.version, alias=ref.alias)
            raise
        self._known_state.record_state(name, signed.state, seen, signed.answer)
        return signed

    async def files(self, name: SharedName, version: int, digest: str | None) -> VersionFiles:
        """List the files of a version whose manifest has this digest. Raises VersionRecalled."""
        metadata, files = await self._query(name, version)
        if metadata.version.version != version:
            raise CorruptArtifact(
                f"{self._mount.endpoint} was asked for the files of {name} version {version} and listed "
                f"those of version {metadata.version.version}. Tell the provider."
            )
        return await self._checked_files(name, version, digest, metadata, files)

    def _stored_answer(self, name: SharedName, ref: ModelRef, seen: StateSequence) -> SignedAnswer | None:
        """Stored answer, unless something later is known of the model, or another key signs now."""
        answer = self._known_state.answer(name, version=ref.version, alias=ref.alias)
        if answer is None:
            return None
        state = self._pinned_keys.check_stored_state(answer.version, name, _version_or_alias(ref))
        return SignedAnswer(answer, state) if state is not None and state.sequence >= seen else None

    def _is_recent_enough(self, name: SharedName, ref: ModelRef) -> bool:
        """True if the last answer is so recent that the user does not want the provider asked."""
        alias = self._known_state.alias(name, ref.alias) if ref.alias is not None else None
        return alias is not None and 0 <= now_ms() - alias.resolved_at < self._alias_max_age * 1000

    async def _ask(
        self, name: SharedName, ref: ModelRef, stored: SignedAnswer | None, *, with_files: bool
    ) -> SignedAnswer:
        if with_files and not self._known_state.knows(name, version=ref.version, alias=ref.alias):
            # Refused because it was recalled: the answer below says why, signed. Or for terms that were not
            # accepted, which matters only if the files are not here already.
            with contextlib.suppress(VersionRecalled, TermsNotAccepted):
                return await self._ask_with_files(name, ref)
        tag = stored.answer.tag if stored is not None and is_fresh(stored.state.issued_at, now_ms()) else ""
        answer = await self._client.get_version(
            self._mount.share, name, _version_or_alias(ref), tag, lambda: self._is_cached(name, ref)
        )
        if answer is None:
            assert stored is not None  # noqa: S101 - "not modified" is only taken for an answer to a tag
            return stored
        return await self._verified(name, ref, answer)

    def _is_cached(self, name: SharedName, ref: ModelRef) -> bool:
        """True if the version that was last known by `ref` can be had without the provider."""
        alias = self._known_state.alias(name, ref.alias) if ref.alias is not None else None
        number = alias.version if alias is not None else ref.version
        known = self._known_state.version(name, number) if number is not None else None
        return known is not None and self._has_manifest(known.digest)

    async def _ask_with_files(self, name: SharedName, ref: ModelRef) -> SignedAnswer:
        """Ask for version and files in one request."""
        metadata, files = await self._query(name, _version_or_alias(ref))
        signed = await self._verified(name, ref, VersionAnswer(metadata.version))
        version = signed.answer.version
        checked = await self._checked_files(name, version.version, version.digest, metadata, files)
        return SignedAnswer(signed.answer, signed.state, checked)

    async def _query(
        self, name: SharedName, version_or_alias: int | str
    ) -> tuple[VersionMetadata, list[VersionFile]]:
        """Query the files of a version; those of a recalled one only to use them. Raises TermsNotAccepted."""
        try:
            return await self._client.query_version(
                self._mount.share,
                name,
                version_or_alias,
                include_recalled=self._recalled is RecalledPolicy.WARN,
            )
        except TermsNotAccepted as error:
            command = f"model-sharing terms {shlex.quote(self._mount.name)}"
            raise TermsNotAccepted(error.message.replace(TERMS_COMMAND, command)) from error

    async def _verified(self, name: SharedName, ref: ModelRef, answer: VersionAnswer) -> SignedAnswer:
        version = answer.version.version
        if ref.version is not None and version != ref.version:
            raise CorruptArtifact(
                f"{self._mount.endpoint} was asked for {name} version {ref.version} and answered with "
                f"version {version}. Tell the provider."
            )
        return SignedAnswer(
            answer, await self._pinned_keys.check_state(answer.version, name, _version_or_alias(ref))
        )

    async def _checked_files(
        self,
        name: SharedName,
        version: int,
        digest: str | None,
        metadata: VersionMetadata,
        files: list[VersionFile],
    ) -> VersionFiles:
        manifest = manifest_from_response(metadata, files)
        bundle = await self._pinned_keys.check_new_bundle(metadata.bundle, name, version, manifest)
        if manifest.digest != digest:
            raise CorruptArtifact(
                f"{self._mount.endpoint} describes {name} version {version} as {digest} and lists the files "
                f"of {manifest.digest}. Try again; if it stays, tell the provider."
            )
        maps = (metadata.chunk_maps,) if metadata.chunk_maps else ()
        return VersionFiles(
            manifest,
            bundle,
            files,
            metadata.pack_url,
            (*maps, *metadata.deltas),
            self._pinned_keys.signs_chunk_maps(bundle, name, version, manifest),
        )

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
        return msgspec.structs.replace(known.version, digest=known.digest)


def _without_state(answer: VersionAnswer) -> ModelVersion:
    """Version without its signed state, which is another with each answer."""
    return msgspec.structs.replace(answer.version, state=None)


def _version_or_alias(ref: ModelRef) -> int | str:
    wanted = ref.version if ref.alias is None else ref.alias
    if wanted is None:
        raise InvalidParameter(f"{ref.name!r} names no version.")
    return wanted
