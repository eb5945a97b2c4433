"""Programs that read models of each format, and the line with which each gets a version's files."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from model_sharing_protocol.model_formats import ModelFormat


@dataclass(frozen=True, slots=True)
class Program:
    """Program that reads a format: its name, the libraries of Python that it is, and a line that starts it.

    `{uri}` in the line stands for the URI of a version.
    """

    name: str
    libraries: tuple[str, ...] = ()
    line: str = ""

    def line_for(self, uri: str) -> str:
        """Line that hands the files of this version to the program."""
        return self.line.replace("{uri}", uri)


TRANSFORMERS = Program(
    "transformers",
    ("transformers", "torch", "jinja2"),
    'transformers.pipeline(model=str(model_sharing.path("{uri}")))',
)
SENTENCE_TRANSFORMERS = Program(
    "sentence-transformers",
    ("sentence-transformers", "torch"),
    'SentenceTransformer(str(model_sharing.path("{uri}")))',
)
_PROGRAMS = {
    ModelFormat.MLFLOW: Program("MLflow", ("mlflow",), 'model_sharing.load_model("{uri}")'),
    ModelFormat.HUGGINGFACE: TRANSFORMERS,
    ModelFormat.ADAPTER: Program(
        "peft", ("peft", "torch"), 'PeftModel.from_pretrained(base_model, str(model_sharing.path("{uri}")))'
    ),
    ModelFormat.DIFFUSERS: Program(
        "diffusers",
        ("diffusers", "torch"),
        'DiffusionPipeline.from_pretrained(str(model_sharing.path("{uri}")))',
    ),
    ModelFormat.GGUF: Program(
        "llama.cpp", (), "llama-server -m \"$(model-sharing path {uri} --file '*.gguf')\""
    ),
    ModelFormat.ONNX: Program(
        "ONNX Runtime",
        ("onnxruntime",),
        'onnxruntime.InferenceSession(str(model_sharing.path("{uri}", file="*.onnx")))',
    ),
    ModelFormat.FILES: Program("a program of your choice", (), "model-sharing path {uri}"),
}
_OF_SENTENCE_TRANSFORMERS = frozenset({"modules.json", "config_sentence_transformers.json"})


def program_for(form: ModelFormat, paths: Collection[str]) -> Program:
    """Program that reads a version of this format with these files."""
    if form is ModelFormat.HUGGINGFACE and not _OF_SENTENCE_TRANSFORMERS.isdisjoint(paths):
        return SENTENCE_TRANSFORMERS
    return _PROGRAMS[form]
