"""Tags: keys with values on models and versions, within the platform's limits (Unity Catalog)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from model_sharing_protocol.errors import InvalidParameter, NotFound, ResourceExhausted
from model_sharing_provider.domain.securables import MAX_TAGS
from model_sharing_provider.services.context import Operation

MAX_KEY_LENGTH = 255
MAX_VALUE_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class TagChange:
    """Change of tags: values to set, and keys to remove."""

    add: Mapping[str, str] = field(default_factory=dict)
    remove: Iterable[str] = ()


def check_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Check tags, and return them. Raises InvalidParameter for a key or value over its limit."""
    for key, value in tags.items():
        if not key.strip() or len(key) > MAX_KEY_LENGTH or not key.isprintable():
            raise InvalidParameter(
                f"{key[:40]!r} cannot be a tag's key; give 1 to {MAX_KEY_LENGTH} printable characters."
            )
        if len(value) > MAX_VALUE_LENGTH:
            raise InvalidParameter(
                f"The value of the tag {key!r} has {len(value)} characters; at most {MAX_VALUE_LENGTH}."
            )
    return tags


async def apply_tags(
    operation: Operation, securable_id: str, present: Mapping[str, str], change: TagChange
) -> None:
    """Apply a checked change. Raises NotFound for a key to remove, ResourceExhausted."""
    after = dict(present)
    for key in change.remove:
        if after.pop(key, None) is None:
            raise NotFound(f"The tag {key!r} does not exist.")
        await operation.rows.models.delete_tag(securable_id, key)
    after.update(change.add)
    if len(after) > MAX_TAGS:
        raise ResourceExhausted(f"The change would make {len(after)} tags; at most {MAX_TAGS} are allowed.")
    for key, value in change.add.items():
        await operation.rows.models.set_tag(securable_id, key, value)
