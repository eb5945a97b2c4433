"""One share of an upstream provider: what it shows, verified by the keys that its mirror pinned."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol.dsse import Envelope, PublicKey
from model_sharing_protocol.errors import (
    CorruptArtifact,
    NotASharingServer,
    SharingError,
    StaleAnswer,
    UnsupportedOperation,
    UntrustedSignature,
)
from model_sharing_protocol.model_formats import NOTHING_KNOWN, ModelSummary
from model_sharing_protocol.names import SharedName, normalize_name
from model_sharing_protocol.profile import Profile
from model_sharing_protocol.recalls import Recall
from model_sharing_protocol.signatures import SignedName, verify_changes, verify_manifest, verify_state
from model_sharing_protocol.times import iso, now_ms
from model_sharing_provider.domain.mirrors import Mirror
from model_sharing_provider.domain.terms import SharedTerms
from model_sharing_provider.domain.upstreams import (
    SignedTarget,
    UpstreamChange,
    UpstreamChanges,
    UpstreamFiles,
    UpstreamModel,
    UpstreamShare,
    UpstreamVersion,
)
from model_sharing_provider.remote_providers.connections import UpstreamConnections
from model_sharing_provider.remote_providers.remote_terms import fetch_shared_terms

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from model_sharing.client.sharing_client import SharingClient

_OLDEST_MS = 3_600_000
_ANSWER_SECONDS = 10.0
"""Time for an answer to a question that readers wait for."""
_HIGHEST_VERSION = 2**31 - 1
_SHOWN = 80
_ID = re.compile(r"[\x21-\x7e]{1,255}")
"""Ids by which a model is known again after a rename; with any other it is not."""

T = TypeVar("T")
W = TypeVar("W")


class RemoteShare:
    """Share of one mirror. Every method raises ServerUnreachable, TimeoutError and what the provider answers.

    `keys` are the PEMs that are trusted by now: a new key is followed if an earlier one endorses it.
    """

    def __init__(self, connections: UpstreamConnections, mirror: Mirror, profile: Profile) -> None:
        self._connections = connections
        self._mirror = mirror
        self._profile = profile
        self._keys = tuple(PublicKey.parse(pem) for pem in mirror.keys)
        self._left_out: list[str] = []

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(key.pem for key in self._keys)

    @property
    def left_out(self) -> Sequence[str]:
        return self._left_out

    async def describe(self) -> UpstreamShare:
        """Describe the share as of now. Raises NotFound once it is not granted any more."""
        from model_sharing.transport.file_origins import check_named_origins  # noqa: PLC0415 - slow to import

        async with self._client(probes=True) as client:
            found = await client.get_share(self._mirror.share)
            listed = await client.list_keys()
            await self._follow(client)
        return UpstreamShare(
            keys=self.keys,
            provider_fingerprint=self._mirror.provider_fingerprint,
            file_origins=check_named_origins(self._profile.endpoint, listed.file_origins),
            resharing=found.resharing,
        )

    async def terms(self) -> list[SharedTerms]:
        """Terms in force of the share and of its models. Raises NotFound."""
        async with self._client(within=_ANSWER_SECONDS) as client:
            return await fetch_shared_terms(client, self._profile.endpoint, self._mirror.share)

    async def accept_terms(self, digest: str, accepted_by: str) -> None:
        """Accept terms by their digest. Raises NotFound for those that do not apply."""
        async with self._client(within=_ANSWER_SECONDS) as client:
            await client.accept_terms(self._mirror.share, digest, accepted_by)

    async def schemas(self) -> list[str]:
        """Names of the schemas."""
        async with self._client() as client:
            found = await client.list_schemas(self._mirror.share)
        return self._valid(found, lambda each: normalize_name("schema", each.name), lambda each: each.name)

    async def models(self) -> list[UpstreamModel]:
        """All models."""
        async with self._client() as client:
            found = await client.list_models(self._mirror.share)
        return self._valid(found, _model, lambda each: f"{each.schema}.{each.name}")

    async def model(self, name: SharedName) -> UpstreamModel:
        """One model. Raises NotFound."""
        async with self._client(within=_ANSWER_SECONDS) as client:
            found = _model(await client.get_model(self._mirror.share, name))
        if found.name != name:
            raise NotASharingServer(
                f"{self._profile.endpoint} was asked for {name}, and told of another model."
            )
        return found

    async def versions(self, name: SharedName) -> list[UpstreamVersion]:
        """The READY versions of a model. Raises NotFound."""
        async with self._client() as client:
            found = await client.list_versions(self._mirror.share, name)
        ready = [each for each in found if each.status == wire.READY]
        for each in ready:
            if each.version > _HIGHEST_VERSION:
                self._left_out.append(f"'{name}' version {each.version}: its number is too high")
        return [_version(each) for each in ready if each.version <= _HIGHEST_VERSION]

    async def files(self, name: SharedName, number: int) -> UpstreamFiles:
        """Files of a version as the provider signed them. Raises NotFound, UntrustedSignature, UnsafePath."""
        from model_sharing.resolution.version_files import manifest_from_response  # noqa: PLC0415

        async with self._client() as client:
            metadata, files = await client.query_version(
                self._mirror.share, name, number, include_recalled=True, include_urls=False
            )
            if metadata.version.version != number:
                raise CorruptArtifact(
                    f"{self._profile.endpoint} listed the files of another version of {name}."
                )
            manifest = manifest_from_response(metadata, files)
            key = await self._key_of(client, metadata.bundle.dsse_envelope if metadata.bundle else None)
        signed_name = SignedName(self._mirror.share, str(name), number)
        bundle = verify_manifest(metadata.bundle, signed_name, manifest, [key])
        state = self._verified(metadata.version, key, name, number)
        if state.digest != manifest.digest:
            raise UntrustedSignature(
                f"{signed_name} is signed as {state.digest}, but its files are listed as {manifest.digest}."
            )
        return UpstreamFiles(manifest=manifest, bundle=bundle, key_pem=key.pem, state=state)

    async def state(self, name: SharedName, asked: int | str) -> SignedTarget:
        """Version of this number or behind this alias, as signed just now.

        Raises NotFound, UntrustedSignature, StaleAnswer.
        """
        async with self._client() as client:
            answer = await client.get_version(self._mirror.share, name, asked)
            if answer is None:
                raise NotASharingServer(f"{self._profile.endpoint} answered nothing for {name} {asked!r}.")
            key = await self._key_of(client, answer.version.state)
        return self._verified(answer.version, key, name, asked)

    def _verified(
        self, answer: wire.ModelVersion, key: PublicKey, name: SharedName, asked: int | str
    ) -> SignedTarget:
        """What is signed about an answer. Raises UntrustedSignature, StaleAnswer."""
        state = verify_state(answer.state, key, self._mirror.share, str(name), asked)
        if (answer.version, answer.digest) != (state.version, state.digest):
            raise UntrustedSignature(f"{name} {asked!r} was answered as another version than was signed.")
        _check_recent(f"{name} {asked!r}", state.issued_at)
        return SignedTarget(
            version=state.version,
            digest=state.digest,
            sequence=state.sequence,
            issued_at=state.issued_at,
            recall=_recall(state.recalled),
        )

    async def changes(self, since: str, wait_seconds: float = 0) -> UpstreamChanges | None:
        """Changes after a token, or the token of now for an empty one; None without a feed.

        It waits for a change for some seconds, if there is none. Raises FeedTokenExpired, UntrustedSignature,
        StaleAnswer.
        """
        within = None if wait_seconds else _ANSWER_SECONDS
        async with self._client(probes=wait_seconds > 0, waits=True, within=within) as client:
            try:
                answer = await client.changes(self._mirror.share, since, int(wait_seconds))
            except UnsupportedOperation:
                return None
            key = await self._key_of(client, answer.envelope)
        signed = verify_changes(answer.envelope, key, self._mirror.share, since, answer.sha256)
        _check_recent("the changes of the share", signed.issued_at)
        return UpstreamChanges(
            changes=[_change(each) for each in answer.changes.changes],
            token=answer.changes.token,
            more=answer.changes.more,
        )

    def _client(
        self, *, probes: bool = False, waits: bool = False, within: float | None = None
    ) -> AbstractAsyncContextManager[SharingClient]:
        # While no process has recorded a failure, what this one has seen of the provider is out of date.
        probes = probes or not self._mirror.state.is_failure
        return self._connections.client(
            self._mirror.provider_id,
            self._profile,
            probes=probes,
            waits=waits,
            within=within,
            report_invalid=self._left_out.extend,
        )

    def _valid(self, found: Sequence[W], make: Callable[[W], T], name: Callable[[W], str]) -> list[T]:
        """Convert what is listed, but for what has an illegal name or the name or id of another."""
        made: dict[object, T] = {}
        ids = set()
        for each in found:
            try:
                item = make(each)
            except SharingError as error:
                self._left_out.append(f"{name(each)[:_SHOWN]!r}: {error.message}")
                continue
            key = item.name if isinstance(item, UpstreamModel) else item
            item_id = item.id if isinstance(item, UpstreamModel) else ""
            if key in made:
                reason = "names are compared without case, and this one is there"
            elif item_id and item_id in ids:
                reason = "another model has the same id"
            else:
                made[key] = item
                ids.add(item_id)
                continue
            self._left_out.append(f"{name(each)[:_SHOWN]!r}: {reason}")
        return list(made.values())

    async def _key_of(self, client: SharingClient, envelope: Envelope | None) -> PublicKey:
        """Key that must sign now; the provider is asked for newer ones if an envelope names another."""
        if envelope and envelope.fingerprint not in [key.fingerprint for key in self._keys]:
            await self._follow(client)
        return self._keys[-1]

    async def _follow(self, client: SharingClient) -> None:
        from model_sharing.resolution.pinned_keys import fetch_keys  # noqa: PLC0415 - slow to import

        self._keys = await fetch_keys(client, self._profile.endpoint, self._keys)


def _check_recent(subject: str, issued_at: int) -> None:
    """Raise StaleAnswer for what was signed too far from now."""
    if abs(now_ms() - issued_at) > _OLDEST_MS:
        raise StaleAnswer(
            f"The answer about {subject} was signed at {iso(issued_at)}, more than an hour from the time of "
            "this server. One of the clocks is wrong, or an old answer is replayed."
        )


def _change(found: wire.ShareChange) -> UpstreamChange:
    """Change as it was told; one without a model, or with a name that is not legal here, is of the share."""
    try:
        model = SharedName.parse(found.model) if found.model else None
        previous = SharedName.parse(found.previous_model) if found.previous_model else None
    except SharingError:
        return UpstreamChange(kind=found.kind)
    return UpstreamChange(
        kind=found.kind,
        model=model,
        previous_model=previous,
        version=found.version,
        alias=found.alias or "",
    )


def _model(found: wire.RegisteredModel) -> UpstreamModel:
    return UpstreamModel(
        name=SharedName.parse(f"{found.schema}.{found.name}"),
        id=found.id if found.id and _ID.fullmatch(found.id) else "",
        comment=found.comment or "",
        tags=found.tags,
        aliases=found.aliases,
        updated_at=found.updated_at,
    )


def _version(found: wire.ModelVersion) -> UpstreamVersion:
    return UpstreamVersion(
        number=found.version,
        digest=found.digest or "",
        comment=found.comment or "",
        source=found.source or "",
        run_id=found.run_id or "",
        signature=found.signature,
        size=found.size or 0,
        tags=found.tags,
        created_at=found.created_at or 0,
        recall=_recall(found.recalled),
        format=found.format or "",
        license=found.license or "",
        summary=msgspec.convert(found.summary, ModelSummary, from_attributes=True)
        if found.summary
        else NOTHING_KNOWN,
    )


def _recall(found: Recall | None) -> Recall | None:
    """Recall as it can be kept here."""
    if found is None or found.replacement is None or found.replacement <= _HIGHEST_VERSION:
        return found
    return Recall(found.reason, found.at)
