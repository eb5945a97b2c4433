"""Checks shared by both `doctor` commands, their findings, and the report."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from model_sharing_protocol.console.output import announce, human_size, print_json, print_table
from model_sharing_protocol.errors import InvalidState, SharingError

_LITTLE_SPACE = 1024**3
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """Finding of one check. `exit_code` is that of the error with which a command would fail."""

    check: str
    status: Status
    detail: str
    exit_code: int = 0


def good(check: str, detail: str) -> Finding:
    return Finding(check, Status.OK, detail)


def doubtful(check: str, detail: str) -> Finding:
    return Finding(check, Status.WARNING, detail)


def bad(check: str, error: Exception | str) -> Finding:
    """Finding of a failure, from an error or a text; of an unexpected error only its type is shown."""
    if isinstance(error, SharingError):
        return Finding(check, Status.FAILED, error.message, error.row.exit_code)
    if isinstance(error, OSError) and error.filename and error.strerror:
        error = f"{error.filename}: {error.strerror}."
    elif isinstance(error, Exception):
        error = f"This check ended with {type(error).__name__}."
    return Finding(check, Status.FAILED, error, InvalidState.row.exit_code)


def report(findings: Sequence[Finding], output: str) -> int:
    """Print findings as a table or JSON; returns the exit code of the first failure, or 0."""
    failed = [finding for finding in findings if finding.status is Status.FAILED]
    if output == "json":
        print_json([{"check": each.check, "status": each.status, "detail": each.detail} for each in findings])
    else:
        print_table(
            ["check", "status", "detail"], [(each.check, each.status, each.detail) for each in findings]
        )
        doubts = sum(each.status is Status.WARNING for each in findings)
        announce(f"{len(findings)} checks: {len(failed) or 'none'} failed, {doubts or 'no'} warnings")
    return failed[0].exit_code if failed else 0


def check_versions(*packages: str) -> Finding:
    """Check the versions of Python and of these packages, as far as they are installed."""
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    return good("versions", ", ".join([*(f"{name} {_version(name)}" for name in packages), python]))


def check_proxies() -> Finding:
    """Check which proxies the environment names, without the passwords that may be in them."""
    variables = {name: os.environ.get(name) or os.environ.get(name.upper()) for name in _PROXIES}
    proxies = [f"{name}={without_password(value)}" for name, value in variables.items() if value]
    return good("proxies", ", ".join(proxies) or "none in the environment")


def check_folder(check: str, folder: Path) -> Iterable[Finding]:
    """Check that an existing folder is writable, locks files, is private, and has space left."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-"):
            pass
    except OSError as error:
        yield bad(check, f"{folder} is not writable: {error.strerror}. Change its owner, or use another.")
        return
    private = os.name != "posix" or not stat.S_IMODE(folder.stat().st_mode) & 0o007  # a group may share it
    if private:
        yield good(check, str(folder))
    else:
        yield doubtful(check, f"{folder} is accessible to every user; make it private with chmod o-rwx.")
    yield _check_locks(f"{check}: locks", folder)
    free = shutil.disk_usage(folder).free
    finding = good if free >= _LITTLE_SPACE else doubtful
    yield finding(f"{check}: space", f"{human_size(free)} free")


def check_private_file(check: str, path: Path) -> Finding:
    """Check that a file with secrets exists and that other users cannot read it."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        with path.open("rb"):
            pass
    except OSError as error:
        return bad(check, f"{path} cannot be read: {error.strerror}.")
    if os.name == "posix" and mode & 0o077:
        return doubtful(check, f"{path} can be read by other users; make it private with chmod 600.")
    return good(check, str(path))


def without_password(url: str) -> str:
    """URL of a proxy without user and password."""
    user, at, rest = url.rpartition("@")
    return f"{urlsplit(url).scheme}://…@{rest}" if at and "//" in user else rest if at else url


def _check_locks(check: str, folder: Path) -> Finding:
    """Check that a held lock excludes other processes: on some network disks it does not."""
    path = folder / f".doctor-{os.getpid()}.lock"
    try:
        with FileLock(path, timeout=5):
            try:
                with FileLock(path, timeout=0):
                    return bad(check, f"{folder} is on a disk whose file locks do not exclude others.")
            except Timeout:
                return good(check, "files can be locked")
    except (OSError, NotImplementedError, Timeout) as error:
        return bad(check, f"Files in {folder} cannot be locked: {error}. Use a disk that can.")
    finally:
        path.unlink(missing_ok=True)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
