"""Command line of the suite."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console

from opensharing_conformance import __version__
from opensharing_conformance.client import Client
from opensharing_conformance.expectations import Expectations, UnreadableExpectations, read_expectations
from opensharing_conformance.known_failures import UnreadableKnownFailures, read_known_failures
from opensharing_conformance.network import NetworkTransport
from opensharing_conformance.profiles import Profile, UnreadableProfile, read_profile
from opensharing_conformance.redaction import Redactor, printable
from opensharing_conformance.reports.machine import to_json, to_junit, to_tap
from opensharing_conformance.reports.page import to_html
from opensharing_conformance.reports.terminal import print_report
from opensharing_conformance.requirements import Requirement, load_requirements
from opensharing_conformance.results import Report
from opensharing_conformance.runner import Progress, make_subject, run
from opensharing_conformance.selection import NothingSelected, select

_COULD_NOT_RUN = 2
_FILE = click.Path(dir_okay=False, path_type=Path)
_PRESENT = click.Path(exists=True, dir_okay=False, path_type=Path)
_Render = Callable[[Report, Redactor], str]


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--profile", "profile_path", type=_PRESENT, help="Profile file of a recipient.")
@click.option("--expect", "expect_path", type=_PRESENT, help="JSON file that says what the server holds.")
@click.option("--activation-link", help="Link to test, which is spent by it.")
@click.option("--only", multiple=True, metavar="ID|CLASS|GLOB", help="Test these alone; repeat for more.")
@click.option("--skip", multiple=True, metavar="ID|CLASS|GLOB", help="Leave these out; repeat for more.")
@click.option(
    "--known-failures", "known_path", type=_PRESENT, help="Ids that may fail; one that passes is a failure."
)
@click.option("--rate", type=click.FloatRange(min=0.01), help="Most requests in a second.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=30.0,
    show_default=True,
    help="Seconds a request may take.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(min=1),
    default=1800.0,
    show_default=True,
    help="Seconds the run may take.",
)
@click.option("--ca-file", type=_PRESENT, help="Certificates to trust, instead of the system's.")
@click.option("--junit", type=_FILE, help="Write JUnit XML there.")
@click.option("--tap", type=_FILE, help="Write TAP there.")
@click.option("--json", "json_path", type=_FILE, help="Write JSON there.")
@click.option("--html", type=_FILE, help="Write one HTML page there.")
@click.option("--show-skipped", is_flag=True, help="Say of each requirement that was not tested why.")
@click.option("--list", "list_only", is_flag=True, help="List the requirements that are selected, and end.")
@click.version_option(__version__, prog_name="opensharing-conformance")
def main(
    *,
    profile_path: Path | None,
    expect_path: Path | None,
    activation_link: str | None,
    only: Sequence[str],
    skip: Sequence[str],
    known_path: Path | None,
    rate: float | None,
    timeout: float,
    time_limit: float,
    ca_file: Path | None,
    junit: Path | None,
    tap: Path | None,
    json_path: Path | None,
    html: Path | None,
    show_skipped: bool,
    list_only: bool,
) -> None:
    """Test a server of OpenSharing or Delta Sharing against the specification.

    Exit codes: 0 if no MUST is violated, 1 if one is, 2 if the run could not be made. The suite reads, and
    asks for temporary credentials. It spends an activation link, if one is given.
    """
    selected = _selected(only, skip)
    if list_only:
        _list(selected)
        return
    profile, expected, known = _inputs(profile_path, expect_path, activation_link, known_path)
    transport = NetworkTransport(timeout, _tls(ca_file))
    client = Client(
        profile.endpoint, profile.token, transport, requests_per_second=rate or 0.0, seconds=time_limit
    )
    subject = make_subject(profile, client, expected)
    with _progress(len(selected)) as progress:
        report = run(subject, selected, known, progress)
    print_report(report, Console(), subject.redactor, show_skipped=show_skipped)
    files: tuple[tuple[Path | None, _Render], ...] = (
        (junit, to_junit),
        (tap, to_tap),
        (json_path, to_json),
        (html, to_html),
    )
    for path, render in files:
        if path is not None:
            _write(path, render(report, subject.redactor))
    sys.exit(report.exit_code)


def _selected(only: Sequence[str], skip: Sequence[str]) -> list[Requirement]:
    try:
        return select(load_requirements().of_side("server"), only, skip)
    except NothingSelected as error:
        _fail(str(error))


def _inputs(
    profile_path: Path | None, expect_path: Path | None, link: str | None, known_path: Path | None
) -> tuple[Profile, Expectations, frozenset[str]]:
    if profile_path is None:
        _fail("Give the profile file of a recipient by --profile.")
    try:
        profile = read_profile(profile_path)
        expected = read_expectations(expect_path) if expect_path else Expectations()
        known = read_known_failures(known_path, load_requirements()) if known_path else frozenset()
    except (UnreadableProfile, UnreadableExpectations, UnreadableKnownFailures, OSError) as error:
        _fail(str(error))
    if not profile.endpoint:
        _fail("The profile has no endpoint.")
    if not profile.token:
        _fail("The profile has no bearerToken, which is what this suite signs in with.")
    return profile, expected.with_activation_link(link) if link else expected, known


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        _fail(f"{ca_file} has no certificates: {error}")


@contextmanager
def _progress(total: int) -> Iterator[Progress | None]:
    """Line that tells people how far the run is; nothing where nobody looks."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    done = count(1)
    with console.status("") as status:
        yield lambda result: status.update(f"{next(done)} of {total}: {result.requirement.id}")


def _list(selected: Sequence[Requirement]) -> None:
    for row in selected:
        click.echo(f"{row.id}\t{row.class_name}\t{row.level}\t{row.text}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8", "backslashreplace")
    except OSError as error:
        _fail(f"{path} cannot be written: {error.strerror}")


def _fail(message: str) -> NoReturn:
    click.echo(f"Error: {printable(message)}", err=True)
    sys.exit(_COULD_NOT_RUN)
