"""Signed states of a model's aliases and versions, which decide; listings are not signed.

A state is asked for where a listing differs from the rows, and where the feed, which is signed, tells of a
change: so an old listing that somebody replays hides no alias that moved, and lifts no recall.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from model_sharing_protocol.errors import NotFound, StaleAnswer
from model_sharing_provider.domain.mirrors import MirroredModel
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.upstreams import SignedTarget, UpstreamModel, UpstreamVersion
from model_sharing_provider.services.mirroring.texts import limited_aliases, limited_recall
from model_sharing_provider.services.mirroring.upstream import UpstreamShareClient


@dataclass(frozen=True, slots=True)
class SignedStates:
    """Signed states of a model by alias and by version number; None for an alias that is gone by now."""

    aliases: Mapping[str, SignedTarget | None]
    versions: Mapping[int, SignedTarget]

    def is_before(self, known: MirroredModel) -> bool:
        """True if one of the states is older than what is known."""
        return is_before((*self.aliases.values(), *self.versions.values()), known)


def is_before(states: Iterable[SignedTarget | None], known: MirroredModel) -> bool:
    """True if one of the states is older than what is known of their model."""
    return any(state is not None and state.sequence < known.sequence for state in states)


async def ask_states(
    share: UpstreamShareClient,
    model: UpstreamModel,
    listed: Mapping[int, UpstreamVersion],
    *,
    aliases: Mapping[str, int],
    versions: Mapping[int, ModelVersion],
    told: Collection[int | str],
) -> SignedStates:
    """Ask for the states that may differ from the rows, which are `aliases` and `versions`.

    `told` are the aliases and numbers that the feed tells of. Raises UntrustedSignature, StaleAnswer.
    """
    moved: dict[str, SignedTarget | None] = {}
    for alias, number in limited_aliases(model).items():
        if number in listed and (aliases.get(alias) != number or alias.lower() in told):
            moved[alias] = await _state(share, model, alias)
    recalled: dict[int, SignedTarget] = {}
    for number in listed.keys() & versions.keys():
        recall = limited_recall(listed[number].recall)
        if recall != versions[number].recall or number in told:
            state = await _state(share, model, number)
            if state is not None:
                recalled[number] = state
    return SignedStates(moved, recalled)


async def _state(share: UpstreamShareClient, model: UpstreamModel, asked: int | str) -> SignedTarget | None:
    try:
        return await share.state(model.name, asked)
    except NotFound:
        return None


def went_back(subject: object) -> StaleAnswer:
    """Error for an answer that is older than what was here before it was asked for."""
    return StaleAnswer(
        f"The answer about {subject} is older than one that was seen before. Somebody replays an old answer, "
        "or the provider went back to a backup: ask it, and if it did, delete the catalog and create it "
        "again."
    )
