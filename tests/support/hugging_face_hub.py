"""Stock `huggingface_hub`, the library under transformers and its kin, in environments of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.processes.virtual_environments import virtual_environment

OLDEST = "huggingface_hub==0.23.0"
NEWEST = "huggingface_hub==2.4.0"


@dataclass(frozen=True)
class HubClient:
    """User of one release, whose `HF_ENDPOINT` and `HF_TOKEN` choose a door; the cache is in `home`."""

    release: str
    home: Path
    endpoint: str
    token: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def programs(self) -> Path:
        return virtual_environment(self.release).parent

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "HOME": str(self.home),
            "HF_HOME": str(self.home / "hf"),
            "HF_ENDPOINT": self.endpoint,
            "HF_TOKEN": self.token,
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            **self.settings,
        }

    def run(self, program: str, *arguments: object) -> Any:
        """What a Python program prints as JSON."""
        return json.loads(self._succeed("python", "-W", "ignore", "-c", program, *arguments))

    def command(self, *arguments: object) -> str:
        """What the command line prints: `hf`, which was called `huggingface-cli`."""
        return self._succeed("huggingface-cli" if self.release == OLDEST else "hf", *arguments)

    def start(self, program: str, *arguments: object) -> subprocess.Popen[bytes]:
        """A Python program to be killed."""
        return subprocess.Popen(self._line("python", "-c", program, *arguments), env=self.environment)

    def _succeed(self, name: str, *arguments: object) -> str:
        done = subprocess.run(
            self._line(name, *arguments), env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def _line(self, name: str, *arguments: object) -> list[str]:
        return [str(self.programs / name), *map(str, arguments)]
