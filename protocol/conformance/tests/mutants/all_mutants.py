"""All mutants, by the id of the requirement that each of them breaks."""

from __future__ import annotations

from mutants.core import CORE
from mutants.families import IN_SCHEMA, NAME, Mutants, of_assets, of_credentials
from mutants.model_mutants import MODELS
from mutants.table_answers import TABLE_ANSWERS
from mutants.table_requests import TABLE_REQUESTS


def _credential_ids(prefix: str, first: int) -> list[str]:
    answered, is_json, *rest = (f"{prefix}-{first + offset:03d}" for offset in range(9))
    return [answered, *rest, is_json]


_VERSION = f"{IN_SCHEMA}/models/{NAME}/versions/{NAME}/temporary-model-version-credentials"
_TABLES_DIR = [f"OS-TABLES-DIR-{number:03d}" for number in range(2, 10)]
MUTANTS: Mutants = {
    **CORE,
    **of_assets("models", "OS-MODELS"),
    **MODELS,
    **of_credentials(_VERSION, _credential_ids("OS-MODELS-DIR", 1)),
    **of_assets("tables", "OS-TABLES"),
    **TABLE_ANSWERS,
    **TABLE_REQUESTS,
    **of_credentials(f"{IN_SCHEMA}/tables/{NAME}/temporary-table-credentials", _TABLES_DIR, "credentials"),
    **of_assets("volumes", "OS-VOLUMES"),
    **of_credentials(
        f"{IN_SCHEMA}/volumes/{NAME}/temporary-volume-credentials", _credential_ids("OS-VOLUMES", 51)
    ),
    **of_assets("skills", "OS-SKILLS"),
    **of_credentials(
        f"{IN_SCHEMA}/skills/{NAME}/temporary-skill-credentials", _credential_ids("OS-SKILLS", 51)
    ),
}
