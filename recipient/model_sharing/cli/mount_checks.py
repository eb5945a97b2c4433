"""Mount checks for `doctor`: profile and token or sign-in, then the provider, its clock and its key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from model_sharing.cli.sign_in_checks import check_sign_in, clock_difference
from model_sharing.client.sharing_client import SharingClient
from model_sharing.mount_table import Mount
from model_sharing.resolution.pinned_keys import fetch_keys
from model_sharing.transport.http_response import Response
from model_sharing.transport.response_reader import read_bounded
from model_sharing.transport.session import Transport
from model_sharing_protocol.console.doctor_checks import Finding, bad, check_private_file, doubtful, good
from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.errors import SharingError, TokenExpired
from model_sharing_protocol.network.plain_http import travels_in_clear
from model_sharing_protocol.profile import Profile

_SOON = timedelta(days=7)
_CLOCKS_DIFFER = timedelta(minutes=5)
_CLOCKS_DIFFER_TOO_MUCH = timedelta(hours=1)


async def check_mount(mount: Mount, *, retry_for: float) -> list[Finding]:
    """Check one mount; a check that others depend on, and fails, is the last one.

    `retry_for` is the number of seconds for which a provider that does not answer is asked again.
    """
    name = f"mount {mount.name}"
    found: list[Finding] = []
    try:
        found.append(check_private_file(f"{name}: profile", mount.profile_path))
        profile = mount.read_profile()
    except SharingError as error:
        return [bad(f"{name}: profile", error)]
    if profile.sign_in is None:
        found.append(_check_expiry(f"{name}: token", profile))
    found.append(_check_tls(f"{name}: TLS", profile))
    async with Transport(mount.read_profile, retry_for=retry_for) as transport:
        if profile.sign_in is not None:
            signed_in = [finding async for finding in check_sign_in(name, profile.sign_in, transport)]
            found += signed_in
            if any(finding.exit_code for finding in signed_in):
                return found
        found += [finding async for finding in _check_provider(name, mount, transport)]
    return found


async def _check_provider(name: str, mount: Mount, transport: Transport) -> AsyncIterator[Finding]:
    started = datetime.now(UTC)
    date = ""

    async def read(response: Response) -> bytes:
        nonlocal date
        date = response.headers.get("Date", "")
        return await read_bounded(response)

    try:
        await transport.call("GET", f"/shares/{quote(mount.share, safe='')}", read)
    except SharingError as error:
        yield bad(f"{name}: provider", error)
        return
    yield good(f"{name}: provider", f"{mount.endpoint} grants {mount.share}")
    yield _check_clock(f"{name}: clock", clock_difference(date, started))
    pinned = [PublicKey.parse(pem) for pem in mount.keys]
    try:
        keys = await fetch_keys(SharingClient(transport, mount.endpoint), mount.endpoint, pinned, None)
    except SharingError as error:
        yield bad(f"{name}: key", error)
        return
    yield good(f"{name}: key", f"signs with {keys[-1].fingerprint}, which the mount trusts")


def _check_expiry(check: str, profile: Profile) -> Finding:
    ends = profile.expires_at
    if ends is None:
        return good(check, "does not expire")
    moment = ends.isoformat(timespec="seconds")
    if profile.expired:
        return bad(
            check, TokenExpired(f"It expired at {moment}. Ask the provider for a new activation link.")
        )
    if ends - datetime.now(UTC) < _SOON:
        return doubtful(check, f"It expires at {moment}. Ask the provider for a new activation link in time.")
    return good(check, f"good until {moment}")


def _check_tls(check: str, profile: Profile) -> Finding:
    if travels_in_clear(profile.endpoint):
        return doubtful(check, f"{profile.endpoint} is plain http: the token travels in clear.")
    if profile.endpoint.startswith("https:"):
        return good(check, "https; whether its certificate is accepted shows below")
    return good(check, "plain http, within this machine")


def _check_clock(check: str, difference: timedelta | None) -> Finding:
    if difference is None:
        return good(check, "the provider does not say what time it is")
    words = f"{difference.total_seconds():.0f} s from the provider's"
    if difference >= _CLOCKS_DIFFER_TOO_MUCH:
        return bad(check, f"This clock is {words}: fresh answers look old, or from the future. Set it.")
    if difference >= _CLOCKS_DIFFER:
        return doubtful(check, f"This clock is {words}; from an hour on, answers are refused.")
    return good(check, "within seconds of the provider's" if difference.seconds < 60 else words)
