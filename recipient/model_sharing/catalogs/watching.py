"""Watching of a mounted share: its events as they come, for as long as anybody asks for the next one.

The provider's change feed is waited for; without one, or after a gap in it, listings are compared. Either way
an alias is told with the version that the provider signs for it at that moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from model_sharing.catalogs.events import (
    KINDS,
    CatalogEvent,
    Difference,
    ModelState,
    apply,
    differences,
    is_known,
)
from model_sharing.client.sharing_client import SharingClient
from model_sharing.mount_table import Mount
from model_sharing.resolution.pinned_keys import PinnedKeys
from model_sharing.resolution.resolver import Resolver
from model_sharing_protocol.change_kinds import ChangeKind
from model_sharing_protocol.errors import (
    FeedTokenExpired,
    InternalError,
    InvalidParameter,
    MetastoreUnavailable,
    NotASharingServer,
    NotFound,
    PermissionDenied,
    ServerUnreachable,
    TooManyRequests,
    UnsupportedOperation,
    VersionRecalled,
)
from model_sharing_protocol.names import ModelRef, SharedName, normalize_name
from model_sharing_protocol.open_sharing import READY, RegisteredModel, ShareChange
from model_sharing_protocol.printable import printable
from model_sharing_protocol.times import moment, now_ms

WAIT_SECONDS = 25
"""Seconds that the provider is asked to hold a request for changes: less than most proxies allow."""
POLL_SECONDS = 5.0
"""Seconds between listings of a share that has no change feed."""
_LONGEST_PAUSE_SECONDS = 30.0
_LEAST_SECONDS = 1.0
"""Seconds between two requests of which the first had no news."""
_PASSING = (ServerUnreachable, MetastoreUnavailable, InternalError, TooManyRequests)


_log = logging.getLogger("model_sharing")


def log_notice(line: str) -> None:
    """Log a notice as a warning, which Python shows on standard error where nothing else was set up."""
    _log.warning("%s", printable(line))


class Watcher:
    """Watcher of one mounted share.

    `notify` gets a line for people about what keeps it from watching, and about gaps.
    """

    def __init__(
        self,
        mount: Mount,
        client: SharingClient,
        pinned_keys: PinnedKeys,
        resolver: Resolver,
        notify: Callable[[str], None],
    ) -> None:
        self._mount = mount
        self._client = client
        self._pinned_keys = pinned_keys
        self._resolver = resolver
        self._notify = notify
        self._known: dict[str, ModelState] | None = None
        self._waiting: deque[ShareChange] = deque()
        self._token = ""
        self._has_feed = True

    async def start(self) -> None:
        """Learn the present state: events are what changes after it."""
        await self._begin()

    async def events(self) -> AsyncIterator[CatalogEvent]:
        """Events without end. What the provider refuses is raised; while it is away, it is asked again."""
        failures = 0
        while True:
            try:
                found = await self._next()
            except FeedTokenExpired:
                self._notify("The feed of changes starts again; what changed meanwhile is found by listing.")
                self._token = ""
                continue
            except _PASSING as error:
                failures += 1
                if failures == 1:
                    self._notify(f"{error.message} It is asked again until it answers.")
                await asyncio.sleep(min(0.5 * 2.0 ** min(failures, 10), _LONGEST_PAUSE_SECONDS))
                continue
            if failures:
                self._notify(f"{self._mount.endpoint} answers again.")
            failures = 0
            for event in found:
                yield event

    async def _next(self) -> list[CatalogEvent]:
        """Next events, perhaps none. If it raises, no event is lost."""
        if self._waiting:
            found = await self._events_of(self._waiting[0])
            self._waiting.popleft()
            return found
        if not self._has_feed:
            await asyncio.sleep(POLL_SECONDS)
            return await self._compare()
        if not self._token:
            return await self._begin()
        asked = time.monotonic()
        answer = await self._client.changes(self._mount.share, self._token, WAIT_SECONDS)
        await self._pinned_keys.check_changes(answer, self._token)
        if not answer.changes.changes and not answer.changes.more:
            # A server that stops, or has too many who wait, answers at once.
            await asyncio.sleep(max(0.0, asked + _LEAST_SECONDS - time.monotonic()))
        self._waiting.extend(answer.changes.changes)
        self._token = answer.changes.token
        return []

    async def _begin(self) -> list[CatalogEvent]:
        """Take a token, then list: a change between the two is told by the feed."""
        token = ""
        try:
            answer = await self._client.changes(self._mount.share)
            await self._pinned_keys.check_changes(answer, "")
            token = answer.changes.token
        except UnsupportedOperation:
            if self._has_feed:
                self._notify(
                    f"{self._mount.endpoint} has no feed of changes; it is listed every {POLL_SECONDS:.0f} s."
                )
            self._has_feed = False
        found = await self._compare()
        self._token = token
        return found

    async def _compare(self) -> list[CatalogEvent]:
        """Events between the state that is known and a new listing, which becomes the known one."""
        after = {}
        for model in await self._client.list_models(self._mount.share):
            after[self._name(f"{model.schema}.{model.name}")] = await self._state(model)
        found = []
        if self._known is not None:
            found = await self._told(list(differences(self._known, after)), after, now_ms())
        self._known = after
        return found

    async def _state(self, model: RegisteredModel) -> ModelState:
        state = ModelState.of(model)
        if state.latest is None:
            # A provider that knows the specification alone lists neither latest versions nor aliases.
            name = SharedName.parse(self._name(f"{model.schema}.{model.name}"))
            for version in await self._client.list_versions(self._mount.share, name):
                if version.status == READY:
                    state.latest = max(version.version, state.latest or 0)
                    state.aliases |= {alias.lower(): (alias, version.version) for alias in version.aliases}
        for alias, _ in state.aliases.values():
            self._check_alias(alias)
        return state

    async def _events_of(self, change: ShareChange) -> list[CatalogEvent]:
        """Events that a change of the feed stands for, most often one; none if a listing told it before."""
        known = self._known
        if change.kind not in KINDS or change.model is None or known is None:
            return await self._compare()
        name = self._name(change.model)
        previous = self._name(change.previous_model) if change.previous_model else None
        if change.alias is not None:
            self._check_alias(change.alias)
        difference = Difference(change.kind, name, change.version, change.alias, previous)
        if is_known(known, difference):
            return []
        if change.kind == ChangeKind.MODEL_ADDED:
            return await self._added(name, known, change.at)
        described = None
        if change.kind in (ChangeKind.MODEL_CHANGED, ChangeKind.MODEL_RENAMED, ChangeKind.VERSION_DELETED):
            # What the feed does not tell, so that a later listing does not tell it again.
            model = await self._find(name)
            described = await self._state(model) if model is not None else None
        found = await self._told([difference], known, change.at)
        # Nothing fails from here on: what was told is known.
        apply(known, difference)
        if described is not None:
            known[name] = replace(described, aliases=known[name].aliases if name in known else {})
        return found

    async def _added(self, name: str, known: dict[str, ModelState], at: int) -> list[CatalogEvent]:
        """Events of a model that is new in the share, where it may have had versions and aliases before."""
        model = await self._find(name)
        if model is None:
            return []
        added = {name: await self._state(model)}
        found = await self._told(list(differences({}, added)), added, at)
        known |= added
        return found

    async def _find(self, name: str) -> RegisteredModel | None:
        try:
            return await self._client.get_model(self._mount.share, SharedName.parse(name))
        except NotFound:
            return None  # removed since, as the feed tells next

    async def _told(
        self, found: list[Difference], states: dict[str, ModelState], at: int
    ) -> list[CatalogEvent]:
        """Events of differences, whose aliases and versions then stand in `states`."""
        events = []
        for each in found:
            version = each.version
            if each.kind == ChangeKind.ALIAS_SET and each.alias is not None:
                version = await self._signed_version(each.model, each.alias)
                if not self._is_news(each, version, states):
                    continue
            elif each.kind == ChangeKind.VERSION_RECALLED and version is not None:
                await self._learn_recall(each.model, version)
            previous = self._full_name(each.previous) if each.previous else None
            event = CatalogEvent(
                each.kind, moment(at), self._full_name(each.model), version, each.alias, previous
            )
            events.append(event)
        return events

    def _is_news(self, alias_set: Difference, version: int | None, states: dict[str, ModelState]) -> bool:
        """True for an alias that has another version than was told last; `states` has it then."""
        assert alias_set.alias is not None  # noqa: S101 - it is one of an alias
        key, name = alias_set.alias.lower(), alias_set.model
        told = self._known.get(name) if self._known else None
        before = told.aliases.get(key) if told else None
        state = states.setdefault(name, ModelState())
        if version is None:
            state.aliases.pop(key, None)
            return False
        state.aliases[key] = alias_set.alias, version
        return before != state.aliases[key]

    async def _signed_version(self, name: str, alias: str) -> int | None:
        """Version that the provider signs for an alias now; None if there is no such alias any more."""
        try:
            ref = ModelRef(name, alias=alias)
            return (await self._resolver.resolve_now(SharedName.parse(name), ref)).version
        except (NotFound, PermissionDenied, VersionRecalled):
            return None

    async def _learn_recall(self, name: str, version: int) -> None:
        """Remember a recall, so that the version is refused when the provider cannot be asked, too."""
        with contextlib.suppress(NotFound, PermissionDenied, VersionRecalled):
            await self._resolver.learn_recall(SharedName.parse(name), version)

    def _full_name(self, name: str) -> str:
        return f"{self._mount.name}.{name}"

    def _name(self, shared_name: str) -> str:
        """Shared name in its normal form. Raises NotASharingServer for one that cannot be."""
        with self._refusing_names():
            return str(SharedName.parse(shared_name))

    def _check_alias(self, alias: str) -> None:
        with self._refusing_names():
            normalize_name("alias", alias)

    @contextmanager
    def _refusing_names(self) -> Iterator[None]:
        try:
            yield
        except InvalidParameter as error:
            raise NotASharingServer(
                f"{self._mount.endpoint} told of an invalid name: {error.message}"
            ) from error
