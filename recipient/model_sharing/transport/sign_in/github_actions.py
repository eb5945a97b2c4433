"""GitHub Actions: the identity token of a job, which has the permission `id-token: write`."""

from __future__ import annotations

import os
from urllib.parse import quote

from model_sharing.transport.sign_in.bounded_request import bounded_request
from model_sharing.transport.sign_in.json_answers import text_of
from model_sharing_protocol.errors import InvalidProfile
from model_sharing_protocol.profile_sign_in import WorkloadIdentity

URL_VARIABLE = "ACTIONS_ID_TOKEN_REQUEST_URL"
TOKEN_VARIABLE = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105 - a name


async def github_actions_token(settings: WorkloadIdentity) -> str:
    """Token of this job. Raises InvalidProfile outside of a job, or without the permission."""
    url, token = os.environ.get(URL_VARIABLE, ""), os.environ.get(TOKEN_VARIABLE, "")
    if not url or not token.isprintable() or not token.isascii() or not token:
        raise InvalidProfile(
            f"This is not a job of GitHub Actions that may ask for its identity: {URL_VARIABLE} is not set. "
            "Give the job the permission `id-token: write`."
        )
    separator = "&" if "?" in url else "?"
    answer = await bounded_request(
        "GET",
        f"{url}{separator}audience={quote(settings.audience, safe='')}",
        headers={"Authorization": f"Bearer {token}"},
    )
    return text_of(answer, "value")
