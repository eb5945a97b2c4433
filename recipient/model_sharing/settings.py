"""Settings of a recipient: where mounts and cache are, how large it may be, limits of requests and downloads.

$MODEL_SHARING_HOME            default: the user's data folder of the platform
├── mounts/                    one small file a mount
├── profiles/                  profiles that were given to `mount` as JSON, one a mount
└── cache/                     verified artifacts, shared by all mounts and processes;
                               elsewhere with $MODEL_SHARING_CACHE
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import platformdirs

from model_sharing.transport.retries import DEFAULT_SECONDS as DEFAULT_RETRY_SECONDS
from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.units import parse_duration, parse_size

HOME_VARIABLE = "MODEL_SHARING_HOME"
CACHE_VARIABLE = "MODEL_SHARING_CACHE"
PROFILE_VARIABLE = "MODEL_SHARING_PROFILE"
JOBS_VARIABLE = "MODEL_SHARING_JOBS"
CACHE_MAX_SIZE_VARIABLE = "MODEL_SHARING_CACHE_MAX_SIZE"
ALIAS_MAX_AGE_VARIABLE = "MODEL_SHARING_ALIAS_MAX_AGE"
LIMIT_RATE_VARIABLE = "MODEL_SHARING_LIMIT_RATE"
RETRY_FOR_VARIABLE = "MODEL_SHARING_RETRY_FOR"
RECALLED_VARIABLE = "MODEL_SHARING_RECALLED"
DELTAS_VARIABLE = "MODEL_SHARING_DELTAS"
DEFAULT_JOBS = 8
MAX_JOBS = 64


class RecalledPolicy(StrEnum):
    """Policy on versions that their provider recalled: refuse them, also drop cached copies, or only warn."""

    REFUSE = "refuse"
    WARN = "warn"
    DROP = "drop"


class DeltaPolicy(StrEnum):
    """Policy on deltas: whatever is here first, or fewest bytes, or no delta at all."""

    FASTEST = "fastest"
    SMALLEST = "smallest"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one recipient, below its `home` folder.

    `jobs` is how many parallel connections one download has at most.
    `cache_max_size` is the size in bytes to which the cache is pruned after each download; None: never.
    `alias_max_age` is the number of seconds for which an alias is not asked for again; 0: always ask.
    `limit_rate` is the most bytes a second that one download receives; None: as many as come.
    `retry_for` is the number of seconds for which a request with a transient error is retried; 0: not at all.
    `cache_folder` is the folder of the cache; None: in the home.
    `recalled` is what happens to versions that their provider recalled.
    `deltas` is when a provider's XOR deltas are used.
    """

    home: Path
    jobs: int = DEFAULT_JOBS
    cache_max_size: int | None = None
    alias_max_age: float = 0
    limit_rate: int | None = None
    retry_for: float = DEFAULT_RETRY_SECONDS
    cache_folder: Path | None = None
    recalled: RecalledPolicy = RecalledPolicy.REFUSE
    deltas: DeltaPolicy = DeltaPolicy.FASTEST

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the variables above; InvalidParameter for a value that cannot be."""
        home = os.environ.get(HOME_VARIABLE)
        path = Path(home).expanduser() if home else platformdirs.user_data_path("model-sharing")
        cache = os.environ.get(CACHE_VARIABLE)
        max_size = os.environ.get(CACHE_MAX_SIZE_VARIABLE)
        limit_rate = os.environ.get(LIMIT_RATE_VARIABLE)
        return cls(
            path.absolute(),
            parse_jobs(os.environ.get(JOBS_VARIABLE) or str(DEFAULT_JOBS)),
            parse_size(max_size, CACHE_MAX_SIZE_VARIABLE) if max_size else None,
            _seconds(ALIAS_MAX_AGE_VARIABLE, 0),
            parse_rate(limit_rate, LIMIT_RATE_VARIABLE) if limit_rate else None,
            _seconds(RETRY_FOR_VARIABLE, DEFAULT_RETRY_SECONDS),
            Path(cache).expanduser().absolute() if cache else None,
            parse_recalled_policy(os.environ.get(RECALLED_VARIABLE) or RecalledPolicy.REFUSE),
            parse_delta_policy(os.environ.get(DELTAS_VARIABLE) or DeltaPolicy.FASTEST),
        )

    def with_limits(self, *, jobs: int | None = None, limit_rate: int | None = None) -> Settings:
        """Settings with other limits for downloads. Raises InvalidParameter for what cannot be."""
        return replace(
            self,
            jobs=self.jobs if jobs is None else parse_jobs(str(jobs)),
            limit_rate=self.limit_rate if limit_rate is None else parse_rate(str(limit_rate)),
        )

    @property
    def mounts(self) -> Path:
        """Folder of the mount table."""
        return self.home / "mounts"

    @property
    def profiles(self) -> Path:
        """Folder of profiles that were given as JSON."""
        return self.home / "profiles"

    @property
    def cache(self) -> Path:
        """Folder of the cache."""
        return self.cache_folder or self.home / "cache"


def parse_jobs(text: str) -> int:
    """Parse a number of parallel connections: a whole number from 1 to 64."""
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_JOBS:
        return int(text)
    raise InvalidParameter(f"{text!r} is not a number of parallel connections from 1 to {MAX_JOBS}.")


def parse_recalled_policy(text: str) -> RecalledPolicy:
    """Parse the policy on recalled versions: refuse, warn or drop."""
    try:
        return RecalledPolicy(text.lower())
    except ValueError:
        raise InvalidParameter(
            f"{text!r} is not a policy on recalled versions; write {', '.join(RecalledPolicy)}."
        ) from None


def parse_delta_policy(text: str) -> DeltaPolicy:
    """Parse the policy on deltas: fastest, smallest or never."""
    try:
        return DeltaPolicy(text.lower())
    except ValueError:
        raise InvalidParameter(
            f"{text!r} is not a policy on deltas; write {', '.join(DeltaPolicy)}."
        ) from None


def parse_rate(text: str, name: str = "") -> int:
    """Parse a rate in bytes a second, written like a size: at least one byte."""
    rate = parse_size(text, name)
    if rate < 1:
        raise InvalidParameter(f"A rate of {text!r} would never end; leave it out for no limit.")
    return rate


def _seconds(variable: str, default: float) -> float:
    """Seconds that a variable says, which may be a plain number."""
    text = os.environ.get(variable)
    return parse_duration(text, variable, plain_seconds=True).total_seconds() if text else default
