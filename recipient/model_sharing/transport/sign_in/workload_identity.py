"""Workload identity tokens: who this machine or job is, in the words of what runs it.

One module a source, each an asynchronous function from the settings to a token; `SOURCES` lists them. AWS
gives such tokens in EKS alone, as a file; its instance roles sign requests instead, and are not supported.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

from model_sharing.transport.sign_in.access_token import (
    LONGEST_SECONDS,
    AccessToken,
    access_token,
    unverified_claims,
)
from model_sharing.transport.sign_in.cloud_metadata import azure_token, google_cloud_token
from model_sharing.transport.sign_in.github_actions import github_actions_token
from model_sharing.transport.sign_in.token_file import token_from_file
from model_sharing_protocol.errors import InvalidProfile
from model_sharing_protocol.profile_sign_in import WorkloadIdentity

Source = Callable[[WorkloadIdentity], Awaitable[str]]

SOURCES: Mapping[str, Source] = {
    "token_file": token_from_file,
    "github_actions": github_actions_token,
    "google_cloud": google_cloud_token,
    "azure": azure_token,
}
_AUDIENCE_OF_ITS_OWN = "azure"
"""Azure may answer with another form of the audience that it was asked for."""
_FILE_SECONDS = 60.0
"""Time after which a token file is read again, as Kubernetes' own clients do."""


async def workload_token(settings: WorkloadIdentity) -> AccessToken:
    """Token of the workload itself, until it ends.

    Raises InvalidProfile where this machine has no such identity, or a token for somebody else: one for
    another audience is never sent.
    """
    token = (await SOURCES[settings.source](settings)).strip()
    claims = unverified_claims(token)
    ends = claims.get("exp")
    if isinstance(ends, bool) or not isinstance(ends, int | float):
        raise InvalidProfile(f"The {settings} is not a JWT that says when it ends.")
    seconds = ends - time.time()
    if seconds <= 0:
        raise InvalidProfile(
            f"The {settings} has ended {-seconds:.0f} s ago. Check what renews it, and this machine's clock."
        )
    audiences = claims.get("aud")
    named = audiences if isinstance(audiences, list) else [audiences]
    if settings.audience not in named and settings.source != _AUDIENCE_OF_ITS_OWN:
        raise InvalidProfile(
            f"The {settings} is for {', '.join(repr(str(each)[:200]) for each in named[:5])} instead, and is "
            "not sent. Ask for one with the audience in the profile, or correct that."
        )
    longest = _FILE_SECONDS if settings.source == "token_file" else LONGEST_SECONDS
    return access_token(token, min(seconds, longest), f"The {settings}")
