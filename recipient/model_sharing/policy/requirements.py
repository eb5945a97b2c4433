"""Requirements of a version: what loading it needs, and what it would do, from its small files alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from model_sharing.policy import formats, mlflow_model
from model_sharing.policy.finding import Finding
from model_sharing.policy.model_files import ModelFiles
from model_sharing.policy.programs import Program, program_for
from model_sharing.policy.versions import installed_version, tested_versions
from model_sharing_protocol.model_formats import ModelFormat, find_format

MAX_JUDGED_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Library:
    """Library that reads a model: versions with which it loads without trust, and the one that is here.

    `versions` is empty where nothing loads without trust, or where no program of Python's is needed.
    """

    name: str
    versions: str = ""
    installed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """Requirements of loading a version.

    `code` are files because of which it would run code, `elsewhere` those because of which it would load
    something that the share does not verify. `unread` were not fetched: they are judged by their names alone.
    """

    format: ModelFormat
    program: Program
    libraries: tuple[Library, ...]
    code: tuple[Finding, ...]
    elsewhere: tuple[Finding, ...]
    unread: tuple[str, ...]

    @property
    def runs_code(self) -> bool:
        """True if loading would run code of the provider's, as far as it was looked at."""
        return bool(self.code)


def files_to_judge(sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Small files whose content `requirements` judges, of those with these sizes: to be fetched before.

    All together have at most MAX_JUDGED_BYTES; what is beyond is not fetched, and counts as unread.
    """
    is_judged = mlflow_model.is_judged if _format(sizes) is ModelFormat.MLFLOW else formats.is_small_judged
    left, wanted = MAX_JUDGED_BYTES, []
    for path in sorted(filter(is_judged, sizes), key=lambda path: (sizes[path], path)):
        left -= sizes[path]
        if left >= 0:
            wanted.append(path)
    return tuple(sorted(wanted))


def requirements(folder: Path, sizes: Mapping[str, int]) -> Requirements:
    """Requirements of the version whose files have these sizes; those of `files_to_judge` are in `folder`.

    Files that are not there are judged by their names. Nothing is imported, run or fetched.
    """
    files, form = ModelFiles(folder, sizes), _format(sizes)
    program = program_for(form, files.paths)
    if form is ModelFormat.MLFLOW:
        findings, libraries = mlflow_model.small_file_findings(files), mlflow_model.libraries(files)
        judged = {path for path in sizes if mlflow_model.is_judged(path) and files.is_here(path)}
        to_judge = {*filter(mlflow_model.is_judged, sizes), *mlflow_model.native_files(files)}
    else:
        findings, libraries = (
            [*formats.file_findings(files), *formats.weight_findings(files)],
            program.libraries,
        )
        judged = {path for path in sizes if formats.is_judged(path) and files.is_here(path)}
        to_judge = set(filter(formats.is_judged, sizes))
    return Requirements(
        format=form,
        program=program,
        libraries=tuple(Library(name, tested_versions(name), installed_version(name)) for name in libraries),
        code=tuple(finding for finding in findings if not finding.elsewhere),
        elsewhere=tuple(finding for finding in findings if finding.elsewhere),
        unread=tuple(sorted(to_judge - judged)),
    )


def _format(paths: Collection[str]) -> ModelFormat:
    return find_format(paths) or ModelFormat.FILES
