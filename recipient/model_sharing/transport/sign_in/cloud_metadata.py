"""Cloud metadata services: the identity of a virtual machine at Google Cloud or Azure.

Both are at a link-local address, are asked by no proxy, and insist on a header that a forwarded request
lacks. GCE_METADATA_HOST and AZURE_POD_IDENTITY_AUTHORITY_HOST name another address, as for the clouds' own
libraries.
"""

from __future__ import annotations

import os
from urllib.parse import urlencode

from model_sharing.transport.network_errors import TransientError
from model_sharing.transport.sign_in.bounded_request import Answer, bounded_request
from model_sharing.transport.sign_in.json_answers import refused, text_of
from model_sharing_protocol.errors import InvalidProfile, NotASharingServer, ServerUnreachable
from model_sharing_protocol.profile_sign_in import WorkloadIdentity

_OK = 200
_AZURE_VERSION = "2018-02-01"


async def google_cloud_token(settings: WorkloadIdentity) -> str:
    """Identity token of the service account. Raises InvalidProfile outside of Google Cloud."""
    host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
    path = "computeMetadata/v1/instance/service-accounts/default/identity"
    query = urlencode({"audience": settings.audience, "format": "full"})
    answer = await _ask(f"http://{host}/{path}?{query}", {"Metadata-Flavor": "Google"}, "Google Cloud")
    if answer.status != _OK:
        raise refused(answer)
    try:
        return answer.body.decode("ascii")
    except UnicodeDecodeError as error:
        raise NotASharingServer(f"{answer.origin} answered with something that is not a token.") from error


async def azure_token(settings: WorkloadIdentity) -> str:
    """Access token of the managed identity for the audience. Raises InvalidProfile outside of Azure."""
    origin = os.environ.get("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://169.254.169.254").rstrip("/")
    query = {"api-version": _AZURE_VERSION, "resource": settings.audience}
    if settings.identity:
        query["client_id"] = settings.identity
    url = f"{origin}/metadata/identity/oauth2/token?{urlencode(query)}"
    return text_of(await _ask(url, {"Metadata": "true"}, "Azure"), "access_token")


async def _ask(url: str, headers: dict[str, str], cloud: str) -> Answer:
    try:
        return await bounded_request("GET", url, headers=headers, local=True)
    except TransientError as failure:
        if not failure.unsent and not isinstance(failure.__cause__, TimeoutError):
            raise
        raise InvalidProfile(
            f"The metadata service of {cloud} cannot be reached, which the profile signs in by. Does this "
            "run on a machine there?"
        ) from failure
    except ServerUnreachable as error:
        raise InvalidProfile(f"The metadata service of {cloud} cannot be reached: {error.message}") from error
