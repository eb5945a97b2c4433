"""Forms that catalogs, schemas and models have in common: what to change of one."""

from __future__ import annotations

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_provider.faces.explorer.forms import Form
from model_sharing_provider.services.registry.updates import SecurableUpdate


def read_update(fields: Form) -> SecurableUpdate:
    """Update by the fields that a form has; what it has no field for stays. Raises InvalidParameter."""
    properties = fields.given("properties")
    return SecurableUpdate(
        new_name=fields.given("name"),
        comment=fields.given("comment"),
        owner=fields.given("owner"),
        properties=None if properties is None else read_pairs(properties),
    )


def read_pairs(text: str) -> dict[str, str]:
    """Keys with values, one `key=value` a line. Raises InvalidParameter."""
    pairs = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        key, equals, value = line.partition("=")
        if not equals or not key.strip():
            raise InvalidParameter(f"{line!r} is not a property; write key=value, one on each line.")
        pairs[key.strip()] = value.strip()
    return pairs
