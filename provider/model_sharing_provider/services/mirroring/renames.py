"""Renames of mirrored models: rows move to the names that the provider gave them, all of them at once.

A model keeps its grants and what was fetched of it, although another one has taken its former name by now, or
both have swapped theirs. If they moved one by one, the first would find its new name taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import uuid4

from model_sharing_protocol.names import FullName, SharedName
from model_sharing_provider.domain.mirrors import Mirror, MirroredModel
from model_sharing_provider.domain.upstreams import UpstreamModel
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.mirroring.model_writer import put_schema, sync_operation


@dataclass(frozen=True, slots=True)
class _Move:
    model_id: str
    old: SharedName
    new: SharedName


async def follow_renames(context: Context, mirror: Mirror, models: Iterable[UpstreamModel]) -> None:
    """Rename the rows of models that have another name at the provider now.

    One whose name is that of a row which stays is left to the writer of models.
    """
    names = {model.id: model.name for model in models if model.id}
    async with context.read_unaudited() as rows:
        if not _moves(await rows.mirrors.models(mirror.catalog_id), names):
            return
    async with sync_operation(context, mirror) as (operation, present):
        known = await operation.rows.mirrors.models(present.catalog_id)
        moves, taken = _moves(known, names), set(known)
        while moves:
            free = next((move for move in moves if move.new not in taken), None)
            if free is None:  # they swap their names: one steps aside
                aside = SharedName(moves[0].old.schema, f"renamed_{uuid4().hex}")
                await _rename(operation, present, replace(moves[0], new=aside))
                taken = taken - {moves[0].old} | {aside}
                moves[0] = replace(moves[0], old=aside)
                continue
            await _rename(operation, present, free)
            taken = taken - {free.old} | {free.new}
            moves.remove(free)


def _moves(known: Mapping[SharedName, MirroredModel], names: Mapping[str, SharedName]) -> list[_Move]:
    """Moves that are possible: to names that are free, or are those of rows that move away."""
    moves = [
        _Move(model.model_id, old, names[model.upstream_id])
        for old, model in known.items()
        if names.get(model.upstream_id, old) != old
    ]
    while True:
        staying = known.keys() - {move.old for move in moves}
        possible = [move for move in moves if move.new not in staying]
        if len(possible) == len(moves):
            return moves
        moves = possible


async def _rename(operation: Operation, mirror: Mirror, move: _Move) -> None:
    schema = await put_schema(operation, mirror, move.new.schema)
    model = (await operation.rows.models.by_ids([move.model_id]))[move.model_id]
    name = FullName(mirror.catalog, move.new.schema, move.new.name)
    await operation.rows.models.update(replace(model, full_name=name, updated_at=operation.now), schema.id)
