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
    for path in sorted(filter(files.is_here, filter(is_small_judged, files.paths))):
        try:
            found += _content_findings(files, path)
        except ValueError as error:
            found.append(Finding.of_file(path, f"cannot be read as all programs would ({str(error)[:80]})"))
    return found


def weight_findings(files: ModelFiles) -> list[Finding]:
    """Findings about the headers of weights that are here, and what else is in them."""
    return [
        finding
        for path in sorted(filter(files.is_here, files.paths))
        for finding in header_findings(files, path)
    ]


def is_judged(path: str) -> bool:
    """True for a file whose content or header has to be here before loading is known to run no code."""
    return is_small_judged(path) or is_weights(path)


def is_small_judged(path: str) -> bool:
    """True for a small file whose whole content is judged."""
    return path.casefold().endswith((_INDEX, _TEMPLATE)) or is_configuration(path)


def _content_findings(files: ModelFiles, path: str) -> Iterator[Finding]:
    """Findings about the content of a small file. Raises ValueError if it cannot be read."""
    name = name_of(path).casefold()
    if name.endswith(_TEMPLATE):
        yield from template_findings(path, files.text(path, _MAX_TEMPLATE_BYTES))
        return
    content = files.json(path)
    if name.endswith(_INDEX):
        yield from index_findings(files, path, content)
        return
    yield from configuration_findings(files, path, content)
    if rule := _BY_NAME.get(name):
        yield from rule(path, content)
    for key, value in walk(content):
        if key == "chat_template":
            yield from template_findings(path, value)
