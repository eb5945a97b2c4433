"""Token file: an identity token that is renewed in place, as in Kubernetes' projected volumes and EKS."""

from __future__ import annotations

import asyncio
from pathlib import Path

from model_sharing_protocol.errors import InvalidProfile
from model_sharing_protocol.profile_sign_in import WorkloadIdentity

_LARGEST = 64 * 1024


async def token_from_file(settings: WorkloadIdentity) -> str:
    """Content of the file, as it is now. Raises InvalidProfile; nothing of the content is shown."""
    if settings.token_file is None:
        raise InvalidProfile("The profile names no tokenFile.")
    return await asyncio.to_thread(_read, settings.token_file)


def _read(path: Path) -> str:
    try:
        if not path.is_file():
            raise InvalidProfile(f"The token file {path} does not exist. Is it mounted into this container?")
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise InvalidProfile(f"The token file {path} cannot be read: {error.strerror}.") from error
    if len(content) > _LARGEST or not content.isascii():
        raise InvalidProfile(f"The token file {path} does not hold a token.")
    return content.decode()
