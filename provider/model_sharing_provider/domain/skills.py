"""Agent skills: folders of instructions for AI agents, whose file SKILL.md says what they are for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SKILL_FILE = "SKILL.md"
MAX_SKILL_NAME = 64
MAX_DESCRIPTION = 1024
MAX_COMPATIBILITY = 500
"""Limits in characters, as the Agent Skills specification has them."""
MAX_LICENSE = 500
MAX_ALLOWED_TOOLS = 4096
"""Limits in characters of what it leaves open: every list carries it."""


@dataclass(frozen=True, slots=True)
class SkillMetadata:
    """Metadata of a skill, from the front matter of its SKILL.md; empty where that says nothing."""

    description: str
    license: str = ""
    compatibility: str = ""
    allowed_tools: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
