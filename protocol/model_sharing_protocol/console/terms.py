"""Terms on a terminal: shown with their digest, and asked about."""

from __future__ import annotations

import sys
from datetime import datetime

import click

from model_sharing_protocol.console.output import human_time, page_lines


def can_ask() -> bool:
    """True if somebody can read terms and answer."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def show_terms(subject: str, version: str, digest: str, text: str, state: str) -> None:
    """Show the terms of `subject`; a text that is longer than the screen is paged."""
    ended = text if text.endswith("\n") else f"{text}\n"
    page_lines(f"Terms of {subject}, version {version}, {state}\n{digest}\n\n{ended}\n")


def state_of_acceptance(accepted_at: datetime | int | None, accepted_by: str | None) -> str:
    """When terms were accepted, and by whom."""
    if accepted_at is None:
        return "not accepted"
    return f"accepted at {human_time(accepted_at)} by {accepted_by or 'somebody'}"


def ask_to_accept() -> bool:
    """Ask whether the terms that were just shown are accepted."""
    return click.confirm("Do you accept these terms?", err=True)
