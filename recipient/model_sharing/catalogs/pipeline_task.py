"""Task of a pipeline of transformers: from the model card or the configuration, which are signed files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from model_sharing_protocol.model_tasks import task_of

_MAX_BYTES = 256 * 1024
_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)", re.DOTALL)
_TASK = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def find_task(folder: Path) -> str:
    """Task that the model in `folder` is for; empty if neither its card nor its configuration tells."""
    task = _front_matter(folder / "README.md").get("pipeline_tag")
    if isinstance(task, str) and _TASK.fullmatch(task):
        return task
    architectures = _configuration(folder / "config.json").get("architectures")
    names = architectures if isinstance(architectures, list) else []
    return next((task for name in names if isinstance(name, str) and (task := task_of(name))), "")


def _front_matter(card: Path) -> dict[Any, Any]:
    """YAML at the head of a model card; empty if there is none that can be read."""
    matter = _FRONT_MATTER.match(_text(card))
    try:
        found = yaml.safe_load(matter[1]) if matter else None
    except (ValueError, RecursionError, yaml.YAMLError):
        found = None
    return found if isinstance(found, dict) else {}


def _configuration(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(file))
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""
