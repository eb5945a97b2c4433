"""Weights: safetensors, GGUF and ONNX files, whose headers have to be valid and to lead nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from model_sharing.policy.finding import Finding
from model_sharing.policy.formats.chat_templates import template_findings
from model_sharing.policy.model_files import ModelFiles, folder_of
from model_sharing_protocol.errors import InvalidModel
from model_sharing_protocol.weights import gguf, onnx, safetensors

# Operators that come with ONNX Runtime; those of other domains are in libraries to register.
_ONNX_DOMAINS = frozenset(
    {"ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft", "com.microsoft.nchwc"}
)
_TEMPLATE = "tokenizer.chat_template"


def is_weights(path: str) -> bool:
    """True for a file of weights whose header is judged."""
    return path.endswith(tuple(_BY_SUFFIX))


def header_findings(files: ModelFiles, path: str) -> Iterator[Finding]:
    """Findings about the header of a file of weights; none for other files."""
    rule = next((rule for suffix, rule in _BY_SUFFIX.items() if path.endswith(suffix)), None)
    if rule is None:
        return
    try:
        yield from rule(files, path)
    except InvalidModel as error:
        yield Finding.of_file(path, f"has no valid header ({str(error)[:160]})")


def _safetensors(files: ModelFiles, path: str) -> Iterator[Finding]:
    safetensors.read_header(partial(files.read, path), files.sizes[path])
    return iter(())


def _gguf(files: ModelFiles, path: str) -> Iterator[Finding]:
    header = gguf.read_header(partial(files.read, path), files.sizes[path])
    for key, value in header.metadata.items():
        if key.startswith(_TEMPLATE):
            # A text that is too long to be kept is None; the names of further templates are a list.
            if value is None:
                yield Finding.of_file(
                    path, f"has a chat template, {key[:80]!r}, that is too long to be judged"
                )
            yield from template_findings(path, value)


def _onnx(files: ModelFiles, path: str) -> Iterator[Finding]:
    model = onnx.read_model(partial(files.read, path), files.sizes[path])
    for domain in sorted(model.operator_domains - _ONNX_DOMAINS):
        yield Finding.of_file(
            path, f"has operators of {domain[:80]!r}, which a library has to bring", elsewhere=True
        )
    for location in sorted(model.external_data):
        if not _is_beside(files, path, location):
            yield Finding.of_file(
                path, f"has weights in {location[:80]!r}, which is not a file of the model", elsewhere=True
            )


def _is_beside(files: ModelFiles, path: str, location: str) -> bool:
    """True for a file below the model's own folder, named without any detour."""
    return ".." not in location.split("/") and folder_of(path) + location in files.sizes


_BY_SUFFIX: Mapping[str, Callable[[ModelFiles, str], Iterator[Finding]]] = {
    ".safetensors": _safetensors,
    ".gguf": _gguf,
    ".onnx": _onnx,
}
