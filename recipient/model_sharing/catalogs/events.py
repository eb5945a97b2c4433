"""Events of a catalog: what changed in a mounted share, and how it is found by comparing two listings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from model_sharing_protocol.change_kinds import ChangeKind
from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.open_sharing import RegisteredModel

KINDS = tuple(kind for kind in ChangeKind if kind is not ChangeKind.SHARE_CHANGED)
"""Kinds of events: a change of the whole share is told as what has changed in it."""


@dataclass(frozen=True, slots=True)
class CatalogEvent:
    """Event of a catalog: one of KINDS, in the catalog's own names. `at` is in UTC.

    `version` is what an alias was set to, or the version that was added, changed, deleted or recalled.
    """

    kind: str
    at: datetime
    full_name: str
    version: int | None = None
    alias: str | None = None
    previous_name: str | None = None

    @property
    def uri(self) -> str | None:
        """URI for `load_model`, by alias or else by version; None if there is nothing to load."""
        if self.kind in (ChangeKind.ALIAS_DELETED, ChangeKind.VERSION_DELETED):
            return None
        if self.alias is not None:
            return f"models:/{self.full_name}@{self.alias}"
        return f"models:/{self.full_name}/{self.version}" if self.version is not None else None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Filter of events, whose patterns are in lower case; an empty one matches everything."""

    model: str = ""
    alias: str = ""
    kinds: frozenset[str] = frozenset()

    @classmethod
    def of(cls, model: str | None, alias: str | None, kinds: Collection[str]) -> EventFilter:
        """Filter by patterns such as `fraud_*`. Raises InvalidParameter for an unknown kind."""
        wanted = frozenset(kind.upper() for kind in kinds)
        if unknown := wanted.difference(KINDS):
            raise InvalidParameter(f"{min(unknown)!r} is not a kind of event; they are {', '.join(KINDS)}.")
        return cls((model or "").lower(), (alias or "").lower(), wanted)

    def matches(self, event: CatalogEvent) -> bool:
        """True for an event of such a kind, model and alias; a model may have had its name before."""
        names = [name for name in (event.full_name, event.previous_name) if name]
        return (
            (not self.kinds or event.kind in self.kinds)
            and (not self.model or any(self._matches_name(name) for name in names))
            and (not self.alias or fnmatchcase((event.alias or "").lower(), self.alias))
        )

    def _matches_name(self, full_name: str) -> bool:
        """True if the pattern matches the model's name, or its last parts if the pattern has as many."""
        parts = full_name.split(".")
        return fnmatchcase(".".join(parts[-1 - self.model.count(".") :]), self.model)


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference between two states of the models of a share, by their shared names."""

    kind: str
    model: str
    version: int | None = None
    alias: str | None = None
    previous: str | None = None


@dataclass(slots=True)
class ModelState:
    """State of a model as it was last told: `aliases` has spelling and version by the alias in lower case."""

    id: str | None = None
    latest: int | None = None
    description: tuple[object, ...] = ()
    aliases: dict[str, tuple[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, model: RegisteredModel) -> ModelState:
        """State as a listing shows it."""
        aliases = {alias.lower(): (alias, version) for alias, version in model.aliases.items()}
        description = model.comment, tuple(sorted(model.tags.items()))
        return cls(model.id, model.latest_version, description, aliases)


def differences(before: Mapping[str, ModelState], after: Mapping[str, ModelState]) -> Iterator[Difference]:
    """Differences in an order that can be followed. Of several new versions only the latest is found."""
    renamed = _renamed(before, after)
    for name in sorted(before.keys() - after.keys() - set(renamed.values())):
        yield Difference(ChangeKind.MODEL_REMOVED, name)
    for name in sorted(after):
        previous = renamed.get(name)
        if previous is not None:
            yield Difference(ChangeKind.MODEL_RENAMED, name, previous=previous)
        yield from _model_differences(name, before.get(previous or name), after[name])


def _renamed(before: Mapping[str, ModelState], after: Mapping[str, ModelState]) -> dict[str, str]:
    """Earlier names of models that have another now, by the present ones."""
    gone = {before[name].id: name for name in before.keys() - after.keys() if before[name].id}
    return {
        name: gone[after[name].id] for name in sorted(after.keys() - before.keys()) if after[name].id in gone
    }


def _model_differences(name: str, before: ModelState | None, after: ModelState) -> Iterator[Difference]:
    if before is None:
        yield Difference(ChangeKind.MODEL_ADDED, name)
        before = ModelState(description=after.description)
    if after.latest is not None and after.latest > (before.latest or 0):
        yield Difference(ChangeKind.VERSION_ADDED, name, after.latest)
    elif before.latest is not None and after.latest != before.latest:
        yield Difference(ChangeKind.VERSION_DELETED, name, before.latest)
    for key, (alias, version) in sorted(after.aliases.items()):
        if before.aliases.get(key) != (alias, version):
            yield Difference(ChangeKind.ALIAS_SET, name, version, alias)
    for key in sorted(before.aliases.keys() - after.aliases.keys()):
        yield Difference(ChangeKind.ALIAS_DELETED, name, alias=before.aliases[key][0])
    if before.description != after.description:
        yield Difference(ChangeKind.MODEL_CHANGED, name)


def is_known(states: Mapping[str, ModelState], difference: Difference) -> bool:
    """True if these states have a difference already, since a listing was newer than the feed."""
    state = states.get(difference.model)
    match difference.kind:
        case ChangeKind.MODEL_ADDED:
            return state is not None
        case ChangeKind.MODEL_REMOVED:
            return state is None
        case ChangeKind.MODEL_RENAMED:
            return state is not None and difference.previous not in states
        case ChangeKind.VERSION_ADDED:
            return state is not None and state.latest == difference.version
        case ChangeKind.ALIAS_DELETED:
            return state is not None and (difference.alias or "").lower() not in state.aliases
        case _:
            return False


def apply(states: dict[str, ModelState], difference: Difference) -> None:
    """Change the states by a difference that was told; aliases that are set are there already."""
    name = difference.model
    match difference.kind:
        case ChangeKind.MODEL_REMOVED:
            states.pop(name, None)
        case ChangeKind.MODEL_RENAMED:
            states[name] = states.pop(difference.previous or "", ModelState())
        case ChangeKind.VERSION_ADDED:
            state = states.setdefault(name, ModelState())
            state.latest = max(state.latest or 0, difference.version or 0)
        case ChangeKind.ALIAS_DELETED:
            states.setdefault(name, ModelState()).aliases.pop((difference.alias or "").lower(), None)
