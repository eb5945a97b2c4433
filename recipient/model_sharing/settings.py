"""Where this recipient keeps its mounts and cache, and how many connections it opens.

$MODEL_SHARING_HOME            default: the user's data folder of the platform
├── mounts/                    one small file a mount
└── cache/                     verified artifacts, shared by all mounts and processes
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from model_sharing_protocol.errors import InvalidParameter

HOME_VARIABLE = "MODEL_SHARING_HOME"
JOBS_VARIABLE = "MODEL_SHARING_JOBS"
DEFAULT_JOBS = 8
MAX_JOBS = 64


@dataclass(frozen=True, slots=True)
class Settings:
    """`jobs` is the number of parallel connections of one download."""

    home: Path
    jobs: int = DEFAULT_JOBS

    @classmethod
    def from_environment(cls) -> Settings:
        """From $MODEL_SHARING_HOME and $MODEL_SHARING_JOBS; InvalidParameter for a value that cannot be."""
        home = os.environ.get(HOME_VARIABLE)
        path = Path(home).expanduser() if home else platformdirs.user_data_path("model-sharing")
        return cls(path.absolute(), parse_jobs(os.environ.get(JOBS_VARIABLE) or str(DEFAULT_JOBS)))

    @property
    def mounts(self) -> Path:
        return self._private("mounts")

    @property
    def cache(self) -> Path:
        return self._private("cache")

    def _private(self, name: str) -> Path:
        """A folder below home that only its owner can enter."""
        folder = self.home / name
        if not folder.is_dir():
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        return folder


def parse_jobs(text: str) -> int:
    """A number of parallel connections: a whole number from 1 to 64."""
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_JOBS:
        return int(text)
    raise InvalidParameter(f"{text!r} is not a number of parallel connections from 1 to {MAX_JOBS}.")
