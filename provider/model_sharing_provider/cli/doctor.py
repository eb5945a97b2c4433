"""`doctor`: check that this provider is set up correctly."""

from __future__ import annotations

import asyncio

import click

from model_sharing_protocol.console.doctor_checks import (
    Finding,
    bad,
    check_proxies,
    check_versions,
    doubtful,
    report,
)
from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.errors import SharingError
from model_sharing_provider.cli.doctor_checks import (
    check_home,
    check_public_url,
    check_stores,
    check_tls,
)
from model_sharing_provider.cli.session import configured, is_made
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.configuration.sources import former_names_in_use
from model_sharing_provider.serving.logs import set_up_logging


@click.command(epilog=example("model-sharing-provider doctor", "model-sharing-provider doctor --output json"))
@output_option
def doctor(output: str) -> None:
    """Check home, database, artifacts, secrets, keys, TLS, public URL and clock.

    Exits with 0 if no check failed, warnings or not; otherwise with the code of the first failure.
    """
    findings = [check_versions("model-sharing", "sqlalchemy", "obstore"), check_proxies()]
    try:
        settings = configured()
    except SharingError as error:
        findings.append(bad("settings", error))
    else:
        set_up_logging(settings.log_level, settings.log_format)
        findings += _check_names_of_settings()
        findings += asyncio.run(_check(settings))
    raise click.exceptions.Exit(report(findings, output))


def _check_names_of_settings() -> list[Finding]:
    names = [f"{former} is called {name} now" for former, name in former_names_in_use().items()]
    return [doubtful("settings", f"{', '.join(names)}; 0.2 will not read the former.")] if names else []


async def _check(settings: Settings) -> list[Finding]:
    found = [check_tls(settings)]
    if not is_made(settings):
        why = f"{settings.home} has none yet; the first start creates it: model-sharing-provider serve"
        return [*found, doubtful("provider", why)]
    found += check_home(settings)
    found += [finding async for finding in check_stores(settings)]
    found += [finding async for finding in check_public_url(settings)]
    return found
