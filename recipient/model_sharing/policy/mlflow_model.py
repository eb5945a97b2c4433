"""MLflow models: findings about their small files, and about the files that their flavors read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from model_sharing.policy.environment import environment_findings, is_environment_file
from model_sharing.policy.files import MLMODEL, is_inert_file
from model_sharing.policy.finding import Finding
from model_sharing.policy.mlmodel import FLAVORS, mlmodel_problems, read_mlmodel
from model_sharing.policy.model_files import ModelFiles


def small_file_findings(files: ModelFiles) -> list[Finding]:
    """Findings about names of files, and about the content of the MLmodel and of environment files here."""
    found = [
        Finding.of_file(path, "is of a kind that can hold code")
        for path in sorted(files.paths)
        if not is_inert_file(path)
    ]
    here = frozenset(filter(files.is_here, files.paths))
    found += [finding for finding in environment_findings(files.folder, files.paths) if finding.path in here]
    if MLMODEL in here:
        model = read_mlmodel(files.folder / MLMODEL)
        found += [Finding(MLMODEL, problem) for problem in mlmodel_problems(model, files.paths)]
    return found


def native_flavors(files: ModelFiles) -> dict[str, dict[str, Any]]:
    """Options of the flavors that can load without trust."""
    model = read_mlmodel(files.folder / MLMODEL) or {}
    flavors = model.get("flavors")
    if not isinstance(flavors, dict):
        return {}
    return {
        name: options for name, options in flavors.items() if name in FLAVORS and isinstance(options, dict)
    }


def content_findings(files: ModelFiles) -> Iterator[Finding]:
    """Findings about the files that flavors read, by the libraries that read them: only for inert models."""
    for name, options in native_flavors(files).items():
        flavor = FLAVORS[name]
        file = options[flavor.file_option]
        for problem in flavor.content_problems(files.folder / file, options):
            yield Finding(file, problem)


def native_files(files: ModelFiles) -> frozenset[str]:
    """Files that flavors read, which only their libraries can judge, in `content_findings`."""
    named = (options.get(FLAVORS[name].file_option) for name, options in native_flavors(files).items())
    return frozenset(file for file in named if isinstance(file, str))


def libraries(files: ModelFiles) -> tuple[str, ...]:
    """Libraries that read the model: MLflow, and those of its flavors."""
    native = native_flavors(files)
    return ("mlflow", *sorted({library for name in native for library in FLAVORS[name].libraries}))


def is_judged(path: str) -> bool:
    """True for a small file whose content has to be here before it is known whether loading runs code."""
    return path == MLMODEL or is_environment_file(path)
