"""Verdict on one model: everything in it that could run code, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from model_sharing.policy.environment import environment_problems
from model_sharing.policy.files import MLMODEL, is_inert_file
from model_sharing.policy.mlmodel import FLAVORS, mlmodel_problems, read_mlmodel
from model_sharing.policy.versions import version_problems
from model_sharing_protocol.errors import InvalidModel, UntrustedCode
from model_sharing_protocol.refused_names import acts_unasked

_NAMED_REASONS = 3


def check_inert(folder: Path, paths: frozenset[str], subject: str) -> None:
    """Check that loading the model in `folder`, whose files are `paths`, can only read data.

    Otherwise raises UntrustedCode that names what could run code; InvalidModel if there is no MLmodel file.
    """
    check_has_mlmodel(paths, subject)
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
    """Problems of a model. Each stage is for models without earlier ones: libraries get no suspect's file."""
    model = read_mlmodel(folder / MLMODEL)
    found = [
        *(
            f"the file {path!r} is of a kind that can hold code"
            for path in sorted(paths)
            if not is_inert_file(path)
        ),
        *environment_problems(folder, paths),
        *mlmodel_problems(model, paths),
    ]
    if found or model is None:
        return found
    native = {name: options for name, options in model["flavors"].items() if name in FLAVORS}
    libraries = {library for name in native for library in FLAVORS[name].libraries}
    return list(version_problems(["mlflow", *sorted(libraries)])) or list(_content_problems(folder, native))


def _content_problems(folder: Path, native: dict[str, dict[str, str]]) -> Iterator[str]:
    for name, options in native.items():
        flavor = FLAVORS[name]
        yield from flavor.content_problems(folder / options[flavor.file_option], options)
