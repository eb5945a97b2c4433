"""scikit-learn models in the format skops, which builds objects of types that it trusts and refuses others.

`mlflow.sklearn` reads `pickled_model`, as `python_function` it reads `model_path`. With `data` instead,
MLflow before 3.11 took the file for a pickle, whatever format was named.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from model_sharing.policy.flavor import Flavor, Options


def _problems(options: Options) -> Iterator[str]:
    if options.get("serialization_format") != "skops":
        form = options.get("serialization_format", "pickle")
        yield f"the flavor 'sklearn' has the serialization format {form!r}"
    if options.get("skops_trusted_types"):
        yield "the flavor 'sklearn' brings its own list of types to trust"


def _untrusted_types(file: Path, options: Options) -> Iterator[str]:
    """Types that skops would refuse, asked ahead, so that every way into MLflow gives the same answer."""
    try:
        from skops.io import get_untrusted_types  # noqa: PLC0415  # skops is the recipient's choice
    except ModuleNotFoundError:
        return  # nothing can be loaded then, and the error says what is missing
    try:
        types = get_untrusted_types(file=file)
    except Exception as error:  # whatever a hostile file makes it raise
        yield f"skops cannot tell what is in {file.name!r} ({type(error).__name__}: {str(error)[:80]})"
        return
    if types:
        named = ", ".join(types[:3]) + (", …" if len(types) > 3 else "")
        yield f"{file.name!r} holds objects of types that skops does not trust: {named[:200]}"


SKLEARN = Flavor(
    name="sklearn",
    options=frozenset({"sklearn_version", "serialization_format", "skops_trusted_types"}),
    file_option="pickled_model",
    pyfunc_option="model_path",
    suffixes=(".skops",),
    problems=_problems,
    libraries=("skops",),
    content_problems=_untrusted_types,
)
