"""`model-sharing download` of volumes and agent skills."""

from __future__ import annotations

from pathlib import Path

from model_sharing.api import blocking
from model_sharing.catalogs.shared_folders import FolderKind, FolderPlan
from model_sharing_protocol.console.output import human_size, print_json, print_table, say
from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.names import MODEL_SCHEME, FullName

_SCHEMES = {f"{kind}s:/": kind for kind in FolderKind}


def parse_folder_uri(uri: str) -> tuple[FolderKind, FullName] | None:
    """Kind and name in `volumes:/catalog.schema.volume` or `skills:/…`; None for a model's URI.

    Raises InvalidParameter for a scheme that is neither.
    """
    for scheme, kind in _SCHEMES.items():
        if uri.startswith(scheme):
            return kind, FullName.parse(uri.removeprefix(scheme), kind)
    scheme, found, _ = uri.partition(":/")
    if found and f"{scheme}:/" != MODEL_SCHEME:
        raise InvalidParameter(
            f"{uri!r} begins with {scheme + ':/'!r}; write {', '.join(_SCHEMES)} or {MODEL_SCHEME}."
        )
    return None


def download_folder(
    kind: FolderKind,
    name: FullName,
    destination: Path,
    *,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    file: str | None,
    dry_run: bool,
    jobs: int | None,
    limit_rate: int | None,
    quiet: bool,
    verify: bool,
    trust_remote_code: bool,
    output: str,
) -> None:
    """Download a volume or skill, or print what would be fetched; the options are those of `download`."""
    if verify:
        raise InvalidParameter(f"--verify is for models: the files of a {kind} have no digests to check.")
    catalog = blocking.catalog(name.catalog).with_limits(jobs=jobs, limit_rate=limit_rate)
    trust = trust_remote_code or None
    if dry_run:
        plan = catalog.plan_folder_download(
            kind,
            str(name),
            destination,
            include=include,
            exclude=exclude,
            file=file,
            trust_remote_code=trust,
        )
        _show_plan(plan, output)
        return
    download = catalog.download_volume if kind is FolderKind.VOLUME else catalog.download_skill
    folder = download(
        str(name),
        destination,
        include=include,
        exclude=exclude,
        file=file,
        progress=False if quiet or output == "json" else None,
        trust_remote_code=trust,
    )
    if output == "json":
        print_json(folder)
        return
    files = "1 file" if len(folder.files) == 1 else f"{len(folder.files)} files"
    say(f"Downloaded the {kind} {folder.full_name} ({files}, {human_size(folder.size)}) to {destination}")
    if folder.reused:
        here, fetched = human_size(folder.reused), human_size(folder.fetched)
        say(f"{here} of it were left by a download that broke off; {fetched} were fetched.")


def _show_plan(plan: FolderPlan, output: str) -> None:
    if output == "json":
        print_json(plan, dry_run=True)
        return
    print_table(
        ["path", "size", "to fetch"],
        [
            [file.path, human_size(file.size), human_size(file.fetched) if file.fetched else ""]
            for file in plan.files
        ],
    )
    say(f"Would fetch {human_size(plan.fetched)} of {human_size(plan.size)} for {plan.full_name}.")
