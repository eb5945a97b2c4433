"""A version before it is fetched: its files, what loading it would need and run, and its model card."""

from __future__ import annotations

import io
import json
import sys

import pytest

import model_sharing
from model_sharing_protocol.console.model_cards import MAX_CARD_BYTES, show_card
from model_sharing_protocol.errors import InvalidParameter, InvalidState, NotFound
from support.fake_provider.models import digest_of
from support.fake_provider.server import FakeProvider
from support.files import random_bytes
from support.hostile_input.terminal_text import unsafe_in
from support.recipient_cli import RunCli

URI = "models:/vendor.llm.tiny/1"
CARD = b"---\nlicense: apache-2.0\nlanguage:\n- de\n- en\n---\n# Tiny\n\nMade of *flowers*.\n"
FILES = {
    "config.json": b'{"architectures": ["LlamaForCausalLM"], "auto_map": {"AutoModel": "x.Y"}}',
    "README.md": CARD,
    "model.safetensors": random_bytes(300_000),
    "pytorch_model.bin": random_bytes(200_000),
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def llm(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeProvider:
    assert vendor.name == "vendor"
    fake_provider.publish("llm.tiny", 1, FILES, "Champion")
    return fake_provider


def test_files_are_listed_with_what_loading_would_run_and_why(llm: FakeProvider, run_cli: RunCli) -> None:
    """Only the small files that the judgement reads are fetched."""
    shown = run_cli("show", URI, "--files")
    assert shown.returncode == 0
    assert f"model.safetensors  293.0 KiB  {digest_of(FILES['model.safetensors'])}" in shown.stdout
    assert "huggingface" in shown.stdout
    answer = json.loads(run_cli("show", URI, "--files", "--output", "json").stdout)
    assert {file["path"]: file["size"] for file in answer["files"]} == {
        path: len(content) for path, content in FILES.items()
    }
    assert answer["runs_code"]
    assert {"config.json", "pytorch_model.bin"} <= {
        finding["path"] for finding in answer["requirements"]["code"]
    }
    assert answer["requirements"]["format"] == "huggingface"
    assert llm.file_bytes_sent < 10_000


def test_a_card_is_printed_as_it_is_where_no_terminal_is(llm: FakeProvider, run_cli: RunCli) -> None:
    assert run_cli("show", URI, "--card").stdout == CARD.decode()
    assert json.loads(run_cli("show", URI, "--card", "--output", "json").stdout) == {"card": CARD.decode()}
    assert llm.file_bytes_sent == len(CARD)
    assert run_cli("show", URI, "--card", "--files").returncode == InvalidParameter.row.exit_code


def test_there_is_no_card_or_it_is_too_long(llm: FakeProvider, run_cli: RunCli) -> None:
    llm.publish("llm.bare", 1, {"weights.bin": b"w"})
    assert run_cli("show", "vendor.llm.bare/1", "--card").returncode == NotFound.row.exit_code
    llm.publish("llm.long", 1, {"README.md": b"#" * (MAX_CARD_BYTES + 1)})
    done = run_cli("show", "vendor.llm.long/1", "--card")
    assert done.returncode == InvalidState.row.exit_code
    assert "model-sharing path models:/vendor.llm.long/1 --file README.md" in done.stderr
    assert llm.file_requests() == []


def on_a_terminal(card: str, monkeypatch: pytest.MonkeyPatch) -> str:
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("NO_COLOR", "1")
    show_card(card)
    return screen.getvalue()


def test_a_terminal_shows_the_front_matter_as_a_table_and_the_text_rendered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = on_a_terminal(CARD.decode(), monkeypatch)
    assert [line.split() for line in shown.splitlines()[:2]] == [
        ["license", "apache-2.0"],
        ["language", "de,", "en"],
    ]
    assert "---" not in shown
    assert "Made of flowers." in shown


@pytest.mark.parametrize(
    "text",
    [
        "\x1b]0;owned\x07 hello",
        "&#27;]0;owned&#7; hello",
        "[hello &#x202e;](https://x.example/&#x202e;)",
        "`\x9b31m` hello",
        "```\n\x1b[2J\n```\nhello",
        "<b title='\x1b[2J'>hello</b>",
        "![hello \x1b[2J](http://x.example/a.png)",
        "---\nlicense: \x1b[2J\n---\nhello",
        "| a |\n|---|\n| hello &#27;[2J |",
    ],
)
def test_a_card_cannot_command_a_terminal(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = on_a_terminal(text, monkeypatch)
    assert "hello" in shown
    assert not unsafe_in(shown)


def test_a_card_hides_no_address_and_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = on_a_terminal(
        "[our site](https://evil.example) ![a cat](http://tracker.example/x.png)\n\n<script>run()</script>\n",
        monkeypatch,
    )
    assert "our site (https://evil.example)" in shown
    assert "a cat" in shown
    assert "tracker" not in shown
    assert "script" not in shown
