"""`model-sharing doctor`: check that this machine and its mounts are set up correctly."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

import click

from model_sharing.cli.mount_checks import check_mount
from model_sharing.filesystem.local_files import make_folder
from model_sharing.mount_table import Mount, MountTable
from model_sharing.settings import Settings
from model_sharing_protocol.console.doctor_checks import (
    Finding,
    bad,
    check_folder,
    check_proxies,
    check_versions,
    good,
    report,
)
from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.errors import SharingError

_AUTHORITIES = "SSL_CERT_FILE"


@click.command(epilog=example("model-sharing doctor", "model-sharing doctor --output json"))
@output_option
def doctor(output: str) -> None:
    """Check versions, home, cache, disk and proxies, and the provider, token, clock and key of each mount.

    Exits with 0 if no check failed, warnings or not; otherwise with the code of the first failure.
    """
    findings = [check_versions("model-sharing", "mlflow-skinny", "mlflow"), check_proxies()]
    findings += _check_authorities()
    try:
        settings = Settings.from_environment()
        findings += _check_folders(settings)
        mounts = MountTable(settings.mounts).all()
    except SharingError as error:
        findings.append(bad("settings and mounts", error))
    except OSError as error:
        findings.append(bad("home", error))
    else:
        findings += asyncio.run(_check_mounts(mounts, settings.retry_for))
    raise click.exceptions.Exit(report(findings, output))


def _check_folders(settings: Settings) -> Iterable[Finding]:
    yield from check_folder("home", make_folder(settings.home))
    yield from check_folder("cache", make_folder(settings.cache))


def _check_authorities() -> list[Finding]:
    file = os.environ.get(_AUTHORITIES)
    if not file:
        return []
    there = Path(file).is_file()
    return [
        good(_AUTHORITIES, file) if there else bad(_AUTHORITIES, f"{file} is not a file: TLS cannot work.")
    ]


async def _check_mounts(mounts: list[Mount], retry_for: float) -> list[Finding]:
    if not mounts:
        return [good("mounts", "Nothing is mounted. Mount a share with: model-sharing mount PROFILE")]
    found = await asyncio.gather(*(_check_mount(mount, retry_for) for mount in mounts))
    return [finding for findings in found for finding in findings]


async def _check_mount(mount: Mount, retry_for: float) -> list[Finding]:
    """Check one mount; an unexpected error there does not hide the others."""
    try:
        return await check_mount(mount, retry_for=retry_for)
    except Exception as error:
        return [bad(f"mount {mount.name}", error)]
