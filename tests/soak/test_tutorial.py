"""The tutorial works as printed: its commands are run in order, and print what it shows."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.documented_commands import Reader
from support.network.ports import default_port
from support.processes.virtual_environments import ROOT

BIN = Path(sys.executable).parent
TUTORIAL = ROOT / "docs" / "tutorial.md"


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code, the section that it is in, and the paragraph in front of it."""

    section: str
    introduction: str
    language: str
    code: str

    @property
    def commands(self) -> list[str]:
        return [line for line in self.code.splitlines() if not line.startswith((". .venv", "export "))]


def blocks() -> list[Block]:
    found = []
    for section in TUTORIAL.read_text().split("\n## ")[1:]:
        title = section.partition("\n")[0]
        for paragraph, language, code in re.findall(
            r"([^`]*(?:`[^`]+`[^`]*)*)```(\w+)\n(.*?)```", section, re.S
        ):
            found.append(Block(title, paragraph, language, code))
    return found


BLOCKS = blocks()
EXPORTS = [line for block in BLOCKS for line in block.code.splitlines() if line.startswith("export ")]


def test_the_tutorial_works_as_printed(tmp_path: Path) -> None:
    reader = Reader(tmp_path, BIN)
    output = everything = ""
    with serving(reader, only("Start the provider", "sh")) as log:
        for block in BLOCKS:
            if block.section in ("Set up", "Start the provider", "Clean up"):
                continue
            if block.language == "sh":
                output = "".join(type_line(reader, line, everything) for line in block.commands)
                everything += output
            elif block.language == "text":
                assert_shown(block.code, output)
            else:
                (name,) = re.findall(r"Save this as `([\w.]+)`", block.introduction)
                (tmp_path / name).write_text(block.code)
        assert_shown(only("Start the provider", "text").code, log.read_text())


def only(section: str, language: str) -> Block:
    (block,) = [each for each in BLOCKS if (each.section, each.language) == (section, language)]
    return block


def type_line(reader: Reader, line: str, seen: str) -> str:
    """Output of a line; one that says `# fails` must do that."""
    if "<activation link>" in line:
        line = line.replace("<activation link>", re.findall(r"http\S+/explorer/activate/\S+", seen)[-1])
    done = subprocess.run(
        ["bash", "-c", "\n".join([*EXPORTS, line])],
        cwd=reader.home,
        env=reader.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) == line.endswith("# fails"), f"{line}\n{done.stdout}"
    return done.stdout


def assert_shown(expected: str, output: str) -> None:
    """Each expected line is one of the output's; `…` stands for anything."""
    for line in expected.splitlines():
        pattern = r".*".join(re.escape(part.strip()) for part in line.split("…"))
        assert re.search(f"^ *{pattern} *$" if "…" not in line else pattern, output, re.M), (
            f"{line}\n{output}"
        )


@contextlib.contextmanager
def serving(reader: Reader, block: Block) -> Iterator[Path]:
    """While the server of the first terminal runs; yields its log."""
    (serve,) = block.commands
    log = reader.home / "serve.log"
    command = ["bash", "-c", "\n".join([*EXPORTS, f"exec {serve} 2> {log}"])]
    with default_port(), subprocess.Popen(command, cwd=reader.home, env=reader.environment) as server:
        try:
            while "Serving shares" not in (log.read_text() if log.exists() else ""):
                assert server.poll() is None
                time.sleep(0.05)
            yield log
        finally:
            server.terminate()
