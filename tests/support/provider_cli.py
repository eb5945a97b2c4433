"""The provider's command line, run inside the test's own process: the same commands, without the start-up."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from model_sharing_provider.cli.main import main


@dataclass(frozen=True, slots=True)
class CliResult:
    """Result of a command: its exit code, and what it wrote to its two outputs."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class _Terminal(io.StringIO):
    """Standard input where a person types."""

    def isatty(self) -> bool:
        return True


class CliRunner:
    """Commands on one provider's home."""

    def __init__(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.setenv("MODEL_SHARING_PROVIDER_HOME", str(home))

    def __call__(self, *arguments: str, typed: str = "", piped: str = "") -> CliResult:
        """Run a command; `typed` is what the person at the terminal answers, `piped` comes without one."""
        self._monkeypatch.setattr(sys, "argv", ["model-sharing-provider", *arguments])
        self._monkeypatch.setattr(sys, "stdin", _Terminal(typed) if typed else io.StringIO(piped))
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        written = self._capsys.readouterr()
        return CliResult(code, written.out, written.err)

    def succeed(self, *arguments: str, typed: str = "") -> CliResult:
        """Run a command that is expected to do what it was told."""
        done = self(*arguments, typed=typed)
        assert done.code == 0, done.err
        return done
