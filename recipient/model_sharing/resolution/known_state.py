"""Known state of models: their versions' contents and aliases as last learned. It is what works offline.

One small JSON file a model, `refs/<hash of endpoint and share>/<hash of schema.model>.json`, and beside it
the signature of each version, `<hash of schema.model>-<version>.sig`.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from model_sharing.client.sharing_client import VersionAnswer
from model_sharing.filesystem.local_files import FULL, UNWRITABLE, replace_file, translated_write_errors
from model_sharing.filesystem.locks import locked
from model_sharing.resolution.freshness import check_fresh
from model_sharing_protocol.errors import SharingWarning, StaleAnswer, UntrustedSignature
from model_sharing_protocol.names import SharedName
from model_sharing_protocol.open_sharing import ModelVersion
from model_sharing_protocol.recalls import Recall
from model_sharing_protocol.signatures import Bundle, State
from model_sharing_protocol.times import iso, now_ms

_FRESH_ENOUGH_MS = 60_000

_FOLDER = "refs"
_LOCK = ".lock"

StateSequence = tuple[int, int]


class UnwrittenStateWarning(SharingWarning):
    """Known state cannot be written: to the next process, an older answer can pass as new."""


_unwritten: dict[Path, bytes] = {}
"""What could not be written, by the file that it is for: this process remembers it."""
_warned_of: set[Path] = set()


class KnownVersion(msgspec.Struct, frozen=True):
    """Version as the provider described it, and the digest of its manifest."""

    digest: str
    version: ModelVersion


class KnownAlias(msgspec.Struct, frozen=True):
    """Version that an alias pointed at, and when the provider last said so (epoch milliseconds)."""

    version: int
    resolved_at: int


class _ModelRecord(msgspec.Struct):
    """Content of a model's file. `answers` are by version number or `@alias`, as they came.

    `sequence` is that of the latest signed state that was seen, `issued_at` when the newest was signed.
    `recalled` are the recalls of versions, by number.
    """

    versions: dict[str, KnownVersion] = {}
    aliases: dict[str, KnownAlias] = {}
    answers: dict[str, VersionAnswer] = {}
    sequence: StateSequence = (0, 0)
    issued_at: int = 0
    recalled: dict[str, Recall] = {}


@dataclass(frozen=True, slots=True)
class KnownModel:
    """Known versions and aliases of one model. `source` stands for the endpoint and share that it is from."""

    source: str
    versions: Mapping[int, KnownVersion]
    aliases: Mapping[str, int]
    recalled: Mapping[int, Recall]


class KnownState:
    """Known state of the models of one share."""

    def __init__(self, cache_root: Path, endpoint: str, share: str) -> None:
        self._folder = cache_root / _FOLDER / source_of(endpoint, share)

    def version(self, model: SharedName, version: int) -> KnownVersion | None:
        """Version as last learned; None if it is not known."""
        return self._read(model).versions.get(str(version))

    def alias(self, model: SharedName, alias: str) -> KnownAlias | None:
        """Alias as last learned; None if it is not known."""
        return self._read(model).aliases.get(alias.lower())

    def recall(self, model: SharedName, version: int) -> Recall | None:
        """Recall of a version; None if none is known."""
        return self._read(model).recalled.get(str(version))

    def knows(self, model: SharedName, *, version: int | None, alias: str | None) -> bool:
        """True if the alias, or else the version, has been asked for before."""
        known = self._read(model)
        return alias.lower() in known.aliases if alias is not None else str(version) in known.versions

    def answer(self, model: SharedName, *, version: int | None, alias: str | None) -> VersionAnswer | None:
        """Last answer about the alias, or else about the version."""
        return self._read(model).answers.get(_answer_key(version, alias))

    def record_version(self, model: SharedName, version: ModelVersion, digest: str) -> None:
        """Record a version and the digest of its manifest."""
        known = self._read(model)
        fresh = KnownVersion(digest, version)
        if known.versions.get(str(version.version)) != fresh:

            def remember(known: _ModelRecord) -> bool:
                known.versions[str(version.version)] = fresh
                return True

            self._change(model, remember)

    def versions(self, model: SharedName) -> dict[int, str]:
        """Digests of the versions of `model` that were here, by number."""
        return {int(number): known.digest for number, known in self._read(model).versions.items()}

    def digests(self, model: SharedName) -> Iterator[str]:
        """Digests of the versions that were here: those of `model`, latest first, then of other models."""
        own = self._path(model)
        others = set(self._folder.glob("*.json")) - {own}
        for path in (own, *sorted(others)):
            versions = _read(path).versions
            yield from (versions[number].digest for number in sorted(versions, key=int, reverse=True))

    def sequence(self, model: SharedName) -> StateSequence:
        """Sequence of the latest state seen: answers to what is asked now have to be as late."""
        return self._read(model).sequence

    def record_state(
        self, model: SharedName, state: State, sequence_when_asked: StateSequence, answer: VersionAnswer
    ) -> None:
        """Record a signed state, the answer that it came in, what an alias points at, and a recall.

        StaleAnswer if it is older than `sequence_when_asked`, the latest that had been seen when the provider
        was asked, or signed too long ago. Written at most once a minute for what stays the same, so that a
        warm load writes nothing.
        """
        known, now = self._read(model), now_ms()
        if state.sequence < sequence_when_asked:
            raise self._stale(model, state, sequence_when_asked, known)
        check_fresh(_subject(model, state), state.issued_at, now, known.issued_at, self._path(model))
        key = _answer_key(state.version, state.alias)
        stored = not answer.tag or known.answers.get(key) == answer
        present = known.aliases.get(state.alias or "")
        unchanged = state.alias is None or (
            present is not None
            and present.version == state.version
            and 0 <= now - present.resolved_at < _FRESH_ENOUGH_MS
        )
        unchanged = unchanged and known.recalled.get(str(state.version)) == state.recalled
        if stored and unchanged and state.sequence <= known.sequence:
            return

        def accept(known: _ModelRecord) -> bool:
            if state.sequence < known.sequence:
                return False  # another process has learned something later meanwhile
            if state.alias is not None:
                known.aliases[state.alias] = KnownAlias(state.version, now)
            known.answers[key] = answer
            if state.recalled is not None:
                known.recalled[str(state.version)] = state.recalled
            else:
                known.recalled.pop(str(state.version), None)
            known.sequence = state.sequence
            known.issued_at = max(known.issued_at, state.issued_at)
            return True

        self._change(model, accept)

    def bundle(self, model: SharedName, version: int) -> Bundle | None:
        """Signature that was stored, if there is one that can be read."""
        try:
            return Bundle.from_json(self._bundle_path(model, version).read_bytes())
        except (OSError, UntrustedSignature):
            return None

    def store_bundle(self, model: SharedName, version: int, bundle: Bundle) -> None:
        """Store a version's signature."""
        if self.bundle(model, version) == bundle:
            return
        path = self._bundle_path(model, version)
        with translated_write_errors(self._folder), locked(self._folder / _LOCK):
            replace_file(path, bundle.to_json())

    def forget(self, model: SharedName, *, version: int | None = None, alias: str | None = None) -> None:
        """Forget what the provider no longer shares: it must not come back when it cannot be asked."""
        known, key = self._read(model), _answer_key(version, alias)
        if not (self.knows(model, version=version, alias=alias) or key in known.answers):
            return

        def forget(known: _ModelRecord) -> bool:
            known.versions.pop(str(version), None)
            known.aliases.pop((alias or "").lower(), None)
            known.answers.pop(key, None)
            return True

        self._change(model, forget)

    def merge_from(self, other: KnownState) -> None:
        """Merge what `other` knows: the provider is at another address now, and as late as there.

        Answers are not taken over, so that the provider is asked anew.
        """
        if self._folder == other._folder:
            return
        with translated_write_errors(self._folder), locked(self._folder / _LOCK):
            for path in sorted(other._folder.glob("*.json")):
                known, theirs = _read(self._folder / path.name), _read(path)
                newer = theirs.sequence > known.sequence
                known.versions = {**theirs.versions, **known.versions}
                known.aliases = theirs.aliases if newer else known.aliases
                known.answers = {} if newer else known.answers
                known.recalled = {**known.recalled, **theirs.recalled} if newer else known.recalled
                known.sequence = max(known.sequence, theirs.sequence)
                known.issued_at = max(known.issued_at, theirs.issued_at)
                replace_file(self._folder / path.name, msgspec.json.encode(known))
            for path in other._folder.glob("*.sig"):
                if not (self._folder / path.name).exists():
                    replace_file(self._folder / path.name, path.read_bytes())

    def _path(self, model: SharedName) -> Path:
        return self._folder / f"{_hash(str(model))}.json"

    def _bundle_path(self, model: SharedName, version: int) -> Path:
        return self._folder / f"{_hash(str(model))}-{version}.sig"

    def _stale(
        self, model: SharedName, state: State, sequence_when_asked: StateSequence, known: _ModelRecord
    ) -> StaleAnswer:
        before = known.aliases.get(state.alias or "")
        then = f", when it was version {before.version}" if before else ""
        return StaleAnswer(
            f"The answer about {_subject(model, state)} is as of {_described(state.sequence)}; one as of "
            f"{_described(sequence_when_asked)} was seen before{then}. Somebody replays an old answer, or "
            f"the provider went back to a backup: ask it, and if it did, delete {self._path(model)}."
        )

    def _read(self, model: SharedName) -> _ModelRecord:
        path = self._path(model)
        known = _read(path)
        if path in _unwritten:
            unwritten = msgspec.json.decode(_unwritten[path], type=_ModelRecord)
            if unwritten.sequence >= known.sequence:  # else another process could write, and knows more
                return unwritten
        return known

    def _change(self, model: SharedName, change: Callable[[_ModelRecord], bool]) -> None:
        """Change the record, if `change` says so; where nothing can be written, for this process alone."""
        path = self._path(model)
        try:
            with locked(self._folder / _LOCK):
                known = self._read(model)
                if change(known):
                    replace_file(path, msgspec.json.encode(known))
                    _unwritten.pop(path, None)
        except OSError as error:
            if error.errno not in UNWRITABLE | FULL:
                raise
            known = self._read(model)
            if change(known):
                _unwritten[path] = msgspec.json.encode(known)
            _warn_once(self._folder.parent.parent, error)


def source_of(endpoint: str, share: str) -> str:
    """Identifier of a share for `KnownModel.source`."""
    return _hash(f"{endpoint}\n{share}")


def known_models(cache_root: Path) -> Iterator[KnownModel]:
    """Known models of every share that was ever mounted here."""
    for path in sorted((cache_root / _FOLDER).glob("*/*.json")):
        known = _read(path)
        versions = {int(number): version for number, version in known.versions.items()}
        aliases = {alias: target.version for alias, target in known.aliases.items()}
        recalled = {int(number): recall for number, recall in known.recalled.items()}
        yield KnownModel(path.parent.name, versions, aliases, recalled)


def _answer_key(version: int | None, alias: str | None) -> str:
    return str(version) if alias is None else f"@{alias.lower()}"


def _subject(model: SharedName, state: State) -> str:
    if state.alias is None:
        return f"{model} version {state.version}"
    return f"{model}@{state.alias}, version {state.version},"


def _described(sequence: StateSequence) -> str:
    return f"{iso(max(sequence))} (change {sequence[0]}/{sequence[1]})"


def _read(path: Path) -> _ModelRecord:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_ModelRecord)
    except (OSError, msgspec.MsgspecError):
        return _ModelRecord()


def _warn_once(cache_root: Path, error: OSError) -> None:
    if cache_root not in _warned_of:
        _warned_of.add(cache_root)
        warnings.warn(
            f"{cache_root} cannot be written to ({error.strerror}): what the provider says now is remembered "
            "until this process ends, and the next one does not know it.",
            UnwrittenStateWarning,
            stacklevel=4,
        )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
