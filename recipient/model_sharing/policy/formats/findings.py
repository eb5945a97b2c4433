"""Findings about a version's files: everything in them by which loading could run code, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from model_sharing.policy.finding import Finding
from model_sharing.policy.formats.chat_templates import template_findings
from model_sharing.policy.formats.configurations import configuration_findings, is_configuration, walk
from model_sharing.policy.formats.file_kinds import kind_findings
from model_sharing.policy.formats.named_classes import (
    adapter_findings,
    modules_findings,
    pipeline_findings,
    router_findings,
)
from model_sharing.policy.formats.weight_index import index_findings
from model_sharing.policy.formats.weights import header_findings, is_weights
from model_sharing.policy.model_files import ModelFiles, name_of

_INDEX = ".index.json"
_TEMPLATE = ".jinja"
_MAX_TEMPLATE_BYTES = 1024 * 1024
_BY_NAME: Mapping[str, Callable[[str, Any], Iterator[Finding]]] = {
    "model_index.json": pipeline_findings,
    "modular_model_index.json": pipeline_findings,
    "modules.json": modules_findings,
    "router_config.json": router_findings,
    "adapter_config.json": adapter_findings,
}


def file_findings(files: ModelFiles) -> list[Finding]:
    """Findings about names of files, and about the content of small ones that are here."""
    found = list(kind_findings(files.paths))
    for path in sorted(filter(files.is_here, files.paths)):
        if path.endswith(_INDEX):
            found += index_findings(files, path)
        elif is_configuration(path):
            found += configuration_findings(files, path)
            found += _named_findings(files, path)
    return found + list(chat_template_findings(files))


def weight_findings(files: ModelFiles) -> list[Finding]:
    """Findings about the headers of weights that are here, and what else is in them."""
    return [
        finding
        for path in sorted(filter(files.is_here, files.paths))
        for finding in header_findings(files, path)
    ]


def chat_template_findings(files: ModelFiles) -> Iterator[Finding]:
    """Findings about chat templates, in files of their own and in configurations."""
    for path in sorted(filter(files.is_here, files.paths)):
        try:
            if path.endswith(_TEMPLATE):
                yield from template_findings(path, files.text(path, _MAX_TEMPLATE_BYTES))
            elif is_configuration(path):
                for key, value in walk(files.json(path)):
                    if key == "chat_template":
                        yield from template_findings(path, value)
        except ValueError as error:
            if path.endswith(_TEMPLATE):
                yield Finding.of_file(path, f"is not a chat template ({str(error)[:80]})")


def is_judged(path: str) -> bool:
    """True for a file whose content or header has to be here before loading is known to run no code."""
    return is_small_judged(path) or is_weights(path)


def is_small_judged(path: str) -> bool:
    """True for a small file whose whole content is judged."""
    return path.endswith((_INDEX, _TEMPLATE)) or is_configuration(path)


def _named_findings(files: ModelFiles, path: str) -> Iterator[Finding]:
    """Findings of the rule for files of this name."""
    rule = _BY_NAME.get(name_of(path))
    if rule is None:
        return
    try:
        yield from rule(path, files.json(path))
    except ValueError:
        return  # which is a finding about every configuration
