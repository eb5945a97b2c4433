"""Metadata of agent skills: the front matter of SKILL.md, checked as their specification has it.

Recipients' agents decide by these few lines whether to use a skill, so that what is not as it must be is
refused when the skill is shared. The instructions below them are nobody's business here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from model_sharing_protocol.characters import find_unseen
from model_sharing_protocol.errors import InvalidParameter
from model_sharing_provider.domain.limits import check_properties
from model_sharing_provider.domain.skills import (
    MAX_ALLOWED_TOOLS,
    MAX_COMPATIBILITY,
    MAX_DESCRIPTION,
    MAX_LICENSE,
    MAX_SKILL_NAME,
    SKILL_FILE,
    SkillMetadata,
)
from model_sharing_provider.services.front_matter import parse_front_matter

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SEEN_SPACES = str.maketrans("", "", "\n\t\u00a0\u202f\u3000")
_JOINED = re.compile(
    "[0-9#*]\ufe0f\u20e3|([^\\x00-\x7f\u200c\u200d\ufe0e\ufe0f])(?:\ufe0f?\u200d|[\u200c\ufe0e\ufe0f])"
)
"""One joiner or variation after a character, which emoji and some scripts need; several can hide a text."""


def read_skill(start: bytes, folder: str) -> SkillMetadata:
    """Read the metadata of a skill from the start of its SKILL.md. Raises InvalidParameter.

    `folder` is the name of its folder, which has to be its own.
    """
    try:
        return _skill(parse_front_matter(start, as_text=True), folder)
    except InvalidParameter as error:
        raise InvalidParameter(f"The file {SKILL_FILE} of {folder!r} cannot be shared: {error}") from error


def _skill(fields: Mapping[str, Any], folder: str) -> SkillMetadata:
    name = _text(fields, "name", MAX_SKILL_NAME)
    if not _NAME.fullmatch(name):
        raise InvalidParameter(
            f"the name {name!r} is not one of lower-case letters, digits and single hyphens between them."
        )
    if name != folder:
        raise InvalidParameter(f"its name is {name!r}; the folder of a skill has the skill's name.")
    description = _text(fields, "description", MAX_DESCRIPTION)
    if not description.strip():
        raise InvalidParameter("it has no description; write what the skill does, and when to use it.")
    return SkillMetadata(
        description=description,
        license=_text(fields, "license", MAX_LICENSE),
        compatibility=_text(fields, "compatibility", MAX_COMPATIBILITY),
        allowed_tools=_text(fields, "allowed-tools", MAX_ALLOWED_TOOLS),
        metadata=_metadata(fields.get("metadata") or {}),
    )


def _text(fields: Mapping[str, Any], key: str, limit: int) -> str:
    value = fields.get(key) or ""
    if not isinstance(value, str):
        raise InvalidParameter(f"the value of {key!r} is not text.")
    if len(value) > limit:
        raise InvalidParameter(
            f"the value of {key!r} has {len(value)} characters; at most {limit} are allowed."
        )
    return _checked(key, value)


def _metadata(found: object) -> dict[str, str]:
    if not isinstance(found, dict):
        raise InvalidParameter("the value of 'metadata' is not a map of names to text.")
    for key, value in found.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InvalidParameter(f"'metadata' has something else than text at {key!r}.")
        _checked(f"metadata.{key}", value)
        _checked("metadata", key)
    return check_properties(found)


def _checked(key: str, text: str) -> str:
    """Check that an agent reads nothing in a text that people do not see, and that it can be stored and sent.

    Not in UTF-8 are bytes that became U+FFFD, and `\\ud800`, which YAML may have, is no character.
    """
    visible = _JOINED.sub(r"\1", text.translate(_SEEN_SPACES))
    unseen = "\ufffd" if "\ufffd" in text else find_unseen(visible)
    if unseen is not None:
        raise InvalidParameter(
            f"the value of {key!r} contains U+{ord(unseen):04X}, which people do not see here."
        )
    return text
