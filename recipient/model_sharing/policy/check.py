"""Verdict on one model: everything in it that could run code, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from model_sharing.policy import formats, mlflow_model
from model_sharing.policy.files import MLMODEL
from model_sharing.policy.finding import Finding
from model_sharing.policy.model_files import ModelFiles
from model_sharing.policy.programs import program_for
from model_sharing.policy.versions import TESTED, version_problems
from model_sharing_protocol.errors import InvalidModel, UntrustedCode
from model_sharing_protocol.model_formats import ModelFormat, find_format
from model_sharing_protocol.refused_names import acts_unasked

_NAMED_REASONS = 3


def check_inert(folder: Path, paths: frozenset[str], subject: str) -> None:
    """Check that loading the model in `folder`, whose files are `paths`, can only read data.

    Otherwise raises UntrustedCode that names what could run code, or would load from elsewhere.
    """
    reasons = _problems(folder, paths)
    if not reasons:
        return
    more = len(reasons) - _NAMED_REASONS
    named = "; ".join(reasons[:_NAMED_REASONS]) + (f"; and {more} more" if more > 0 else "")
    raise UntrustedCode(
        f"{subject} was not loaded, because loading it could run the provider's code on this machine: "
        f"{named}. If you trust the provider with that: load_model(…, trust_remote_code=True) for this once, "
        f"or {_mount_with_trust(subject)}. To look at the files without loading them: model-sharing download."
    )


def check_has_mlmodel(paths: Collection[str], subject: str) -> None:
    """Raise InvalidModel if there is no MLmodel file."""
    if MLMODEL not in paths:
        raise InvalidModel(f"{subject} has no {MLMODEL} file: MLflow cannot load it. It can be downloaded.")


def check_no_auto_run_files(paths: Iterable[str], subject: str) -> None:
    """Raise UntrustedCode if a tool may run one of these files only because somebody works beside it."""
    for path in sorted(paths):
        if who := acts_unasked(path):
            raise UntrustedCode(
                f"{subject} was not downloaded, because of the file {path!r}: {who} may act upon it unasked, "
                "once it lies in a folder where somebody works. If you trust the provider with that: "
                f"download with --trust-remote-code, or {_mount_with_trust(subject)}."
            )


def _mount_with_trust(subject: str) -> str:
    return f"unmount {subject.split('.', 1)[0]!r} and mount it again with --trust-remote-code"


def _problems(folder: Path, paths: frozenset[str]) -> list[str]:
    """Reasons not to load. Each stage is for models without earlier ones: no library gets a suspect."""
    files = ModelFiles.in_folder(folder, paths)
    form = find_format(paths) or ModelFormat.FILES
    if form is ModelFormat.MLFLOW:
        return (
            [*_missing(files, mlflow_model.is_judged), *_reasons(mlflow_model.small_file_findings(files))]
            or list(version_problems(mlflow_model.libraries(files)))
            or _reasons(mlflow_model.content_findings(files))
        )
    readers = program_for(form, paths).libraries
    return (
        [*_missing(files, formats.is_judged), *_reasons(formats.file_findings(files))]
        or list(version_problems(library for library in readers if library in TESTED))
        or _reasons(formats.weight_findings(files))
    )


def _missing(files: ModelFiles, is_judged: Callable[[str], bool]) -> list[str]:
    """Reasons about files that have to be judged and are not there to be."""
    return [
        f"the file {path!r} cannot be read"
        for path in sorted(files.paths)
        if is_judged(path) and not files.is_here(path)
    ]


def _reasons(findings: Iterable[Finding]) -> list[str]:
    return [finding.reason for finding in findings]
