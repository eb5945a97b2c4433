"""Settings of one server among several of a metastore: what it does besides answering requests."""

from __future__ import annotations

from dataclasses import dataclass

from model_sharing_provider.configuration.kinds import whole_number
from model_sharing_provider.configuration.rows import setting
from model_sharing_provider.configuration.sign_in_settings import SignInSettings


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
