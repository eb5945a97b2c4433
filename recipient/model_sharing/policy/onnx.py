"""ONNX models, which MLflow loads with ONNX Runtime (`mlflow.pyfunc`) or onnx (`mlflow.onnx`)."""

from __future__ import annotations

from collections.abc import Iterator

from model_sharing.policy.flavor import Flavor, Options

_SESSION_OPTIONS = frozenset(
    {"inter_op_num_threads", "intra_op_num_threads", "execution_mode", "graph_optimization_level"}
)


def _problems(options: Options) -> Iterator[str]:
    providers = options.get("providers") or []
    if not isinstance(providers, list) or not all(isinstance(provider, str) for provider in providers):
        yield "the flavor 'onnx' gives options to its execution providers, which may load libraries"
    session = options.get("onnx_session_options") or {}
    if not isinstance(session, dict) or session.keys() - _SESSION_OPTIONS:
        yield "the flavor 'onnx' has session options that may load libraries"


ONNX = Flavor(
    name="onnx",
    options=frozenset({"onnx_version", "providers", "onnx_session_options"}),
    file_option="data",
    pyfunc_option="data",
    suffixes=(".onnx",),
    problems=_problems,
    libraries=("onnx", "onnxruntime"),
)
