"""Settings of one server among several of a metastore: what it does besides answering requests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from model_sharing_provider.configuration.kinds import (
    HTTP_URL,
    POSTGRESQL_URL,
    duration_between,
    whole_number,
)
from model_sharing_provider.configuration.rows import setting
from model_sharing_provider.configuration.sign_in_settings import SignInSettings
from model_sharing_provider.domain.replicas import MAX_STALENESS


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings(SignInSettings):
    """Settings of a server, which `Settings` has besides its own."""

    jobs: int = setting(
        "JOBS",
        whole_number(0, 100),
        "the number of background jobs that a process works on at a time; with 0 it only answers, and leaves "
        "jobs, shared catalogs and eviction to other servers",
        2,
    )
    replica_of: str = setting(
        "SERVE_REPLICA_OF",
        HTTP_URL,
        "the URL of the home, if this server only answers reads, from a replica of the home's database; its "
        "refusals of changes name it",
        "",
        "this server makes changes itself",
    )
    home_database_url: str = setting(
        "HOME_DATABASE_URL",
        POSTGRESQL_URL,
        "the database of the home, to which a replica delivers its audit events",
        "",
        "none; a replica needs it",
    )
    replica_max_staleness: timedelta = setting(
        "REPLICA_MAX_STALENESS",
        duration_between("10s", "7d"),
        "the greatest age of rows that a replica answers from: while it is cut off from its home, no "
        "revocation reaches it",
        MAX_STALENESS,
        "1h",
    )
