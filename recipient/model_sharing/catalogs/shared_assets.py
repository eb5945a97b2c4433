"""Tables, volumes and agent skills that a share shows beside its models.

Any Delta Sharing client reads the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from model_sharing.client.invalid_items import InvalidItems
from model_sharing.client.sharing_client import SharingClient
from model_sharing.mount_table import Mount
from model_sharing_protocol.names import INFORMATION_SCHEMA, SchemaName, normalize_name
from model_sharing_protocol.open_sharing import Table
from model_sharing_protocol.open_sharing_folders import Skill, Volume


@dataclass(frozen=True, slots=True)
class SharedTable:
    """Table of a mounted share; its catalog is the mount's name.

    `address` is what a Delta Sharing client appends to the path of the profile and `#`: `share.schema.table`.
    """

    full_name: str
    address: str


@dataclass(frozen=True, slots=True)
class SharedVolume:
    """Volume of a mounted share, a folder of files; its catalog is the mount's name."""

    full_name: str

    @property
    def uri(self) -> str:
        """URI of this volume for `model-sharing download`."""
        return f"volumes:/{self.full_name}"


@dataclass(frozen=True, slots=True)
class SharedSkill:
    """Agent skill of a mounted share, with what its SKILL.md says; its catalog is the mount's name.

    `description` says what the skill does, and when to use it. `allowed_tools` are words with spaces between
    them.
    """

    full_name: str
    description: str
    license: str | None = None
    compatibility: str | None = None
    allowed_tools: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """URI of this skill for `model-sharing download`."""
        return f"skills:/{self.full_name}"


class SharedAssets:
    """Assets of a mounted share; what has a name that cannot be is left out."""

    def __init__(self, client: SharingClient, mount: Mount) -> None:
        self._client = client
        self._mount = mount

    async def tables(self, schema: str | None) -> list[SharedTable]:
        """Tables of a share, or of one schema, but for those that every share has about itself."""

        def make(table: Table) -> SharedTable:
            inside = SchemaName(normalize_name("schema", table.schema), normalize_name("table", table.name))
            return SharedTable(f"{self._mount.name}.{inside}", f"{self._mount.share}.{inside}")

        found = [
            table
            for table in await self._client.list_tables(self._mount.share)
            if table.schema.lower() != INFORMATION_SCHEMA and _is_in(schema, table.schema)
        ]
        tables = InvalidItems(self._mount.endpoint).keep_valid(
            found, make, lambda table: f"the table {table.schema[:80]!a}.{table.name[:80]!a}"
        )
        return sorted(tables, key=lambda table: table.full_name)

    async def volumes(self, schema: str | None) -> list[SharedVolume]:
        """Volumes of a share, or of one schema."""

        def make(volume: Volume) -> SharedVolume:
            schema = normalize_name("schema", volume.schema)
            return SharedVolume(f"{self._mount.name}.{schema}.{normalize_name('volume', volume.name)}")

        found = [
            volume
            for volume in await self._client.list_volumes(self._mount.share)
            if _is_in(schema, volume.schema)
        ]
        volumes = InvalidItems(self._mount.endpoint).keep_valid(
            found, make, lambda volume: f"the volume {volume.schema[:80]!a}.{volume.name[:80]!a}"
        )
        return sorted(volumes, key=lambda volume: volume.full_name)

    async def skills(self, schema: str | None) -> list[SharedSkill]:
        """Agent skills of a share, or of one schema."""

        def make(skill: Skill) -> SharedSkill:
            schema = normalize_name("schema", skill.schema)
            return SharedSkill(
                full_name=f"{self._mount.name}.{schema}.{normalize_name('skill', skill.name)}",
                description=skill.description,
                license=skill.license,
                compatibility=skill.compatibility,
                allowed_tools=skill.allowed_tools,
                metadata=skill.metadata or {},
            )

        found = [
            skill
            for skill in await self._client.list_skills(self._mount.share)
            if _is_in(schema, skill.schema)
        ]
        skills = InvalidItems(self._mount.endpoint).keep_valid(
            found, make, lambda skill: f"the skill {skill.schema[:80]!a}.{skill.name[:80]!a}"
        )
        return sorted(skills, key=lambda skill: skill.full_name)


def _is_in(wanted: str | None, schema: str) -> bool:
    return wanted is None or wanted.lower() == schema.lower()
