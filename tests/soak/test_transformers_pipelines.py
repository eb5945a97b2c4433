"""Pipelines by the real transformers: the same words on both sides, and code with trust only."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.fake_provider.server import FakeProvider
from support.files import read_tree
from support.hostile_input.model_folders import encoded
from support.processes.virtual_environments import ROOT, SOURCES, virtual_environment

PROGRAM = Path(__file__).with_name("pipeline_story.py")
# Torch in whatever build there is: the one for CPUs takes 0.9 GB, the one for GPUs several.
LIBRARIES = ("transformers==5.24.0", "torch==2.13.0", "jinja2")
MODELING = """
open({marker!r}, "w").close()
from transformers import LlamaForCausalLM

class Ours(LlamaForCausalLM):
    pass
"""


@pytest.fixture(scope="module")
def python() -> Path:
    project = f"model-sharing @ {ROOT.as_uri()}"
    return virtual_environment(project, *LIBRARIES, name="+".join(("recipient", *LIBRARIES)))


def run(python: Path, home: Path, *arguments: object) -> list[str]:
    done = subprocess.run(
        [python, PROGRAM, *map(str, arguments)],
        env={
            **os.environ,
            "PYTHONPATH": SOURCES,
            "HF_HOME": str(home / "hugging_face"),
            "MODEL_SHARING_HOME": str(home / "ours"),
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_pipeline_says_the_same_on_both_sides_and_runs_code_with_trust_only(
    python: Path, tmp_path: Path
) -> None:
    (said,) = run(python, tmp_path, "save", tmp_path / "tiny")
    files = read_tree(tmp_path / "tiny")
    marker = tmp_path / "executed"
    config = json.loads(files["config.json"]) | {"auto_map": {"AutoModelForCausalLM": "modeling_ours.Ours"}}
    code = {"config.json": encoded(config), "modeling_ours.py": MODELING.format(marker=str(marker)).encode()}
    with FakeProvider() as provider:
        (tmp_path / "acme.share").write_bytes(provider.profile())
        provider.publish("llm.tiny", 1, files, "Champion")
        provider.publish("llm.coded", 1, files | code)
        profile, coded = tmp_path / "acme.share", "models:/vendor.llm.coded/1"
        here, refused = run(python, tmp_path, "load", profile, "models:/vendor.llm.tiny@Champion", coded)
        assert here == said
        assert refused.startswith("UntrustedCode")
        assert "modeling_ours.py" in refused
        assert not marker.exists()
        assert run(python, tmp_path / "again", "load", profile, f"trusted:{coded}") == [said]
        assert marker.exists()
