"""Sign-in checks for `doctor`: the private key, the token that is issued, and the issuer's clock."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from model_sharing.transport.session import Transport
from model_sharing.transport.sign_in.access_token import claims_of
from model_sharing_protocol.console.doctor_checks import Finding, bad, check_private_file, doubtful, good
from model_sharing_protocol.errors import SharingError
from model_sharing_protocol.profile_sign_in import PrivateKeyJwt, SignIn

_CLOCKS_DIFFER = timedelta(minutes=1)
"""From which on an issuer may take an assertion for one of the past or the future."""


async def check_sign_in(name: str, settings: SignIn, transport: Transport) -> AsyncIterator[Finding]:
    """Check that the sign-in of a mount gives a token; a finding tells what the token says, without it."""
    if isinstance(settings, PrivateKeyJwt):
        yield check_private_file(f"{name}: private key", settings.private_key_file)
    started = datetime.now(UTC)
    try:
        token = await transport.sign_in()
    except SharingError as error:
        yield bad(f"{name}: sign-in", error)
        return
    if token is None:
        return  # the profile was replaced meanwhile
    claims = claims_of(token.value) or "a token that only its issuer can read"
    seconds = token.ends_at - time.monotonic()
    yield good(f"{name}: sign-in", f"{settings}, for {seconds:.0f} s: {claims}")
    difference = clock_difference(token.date, started)
    if difference is None:
        return
    words = f"{difference.total_seconds():.0f} s from the issuer's"
    if difference >= _CLOCKS_DIFFER:
        yield doubtful(f"{name}: issuer's clock", f"This clock is {words}: tokens may be refused. Set it.")
    else:
        yield good(f"{name}: issuer's clock", "within a minute of the issuer's")


def clock_difference(date: str, started: datetime) -> timedelta | None:
    """Difference from the time on an answer, which came between `started` and now; None if it has none."""
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return None
    theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    return max(started - theirs, theirs - datetime.now(UTC), timedelta(0))
