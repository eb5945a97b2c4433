"""Activation of a link, of the API or of a page, into a profile file.

The link works once, so all else is checked first.
"""

from __future__ import annotations

import re
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from model_sharing.filesystem.local_files import FULL
from model_sharing.settings import Settings
from model_sharing.transport import bounds
from model_sharing.transport.response_reader import read_bounded
from model_sharing.transport.session import Transport
from model_sharing_protocol.activation_links import api_link
from model_sharing_protocol.errors import (
    ActivationLinkUsed,
    AlreadyExists,
    DiskFull,
    InvalidParameter,
    InvalidProfile,
    NotASharingServer,
    NotFound,
)
from model_sharing_protocol.network.plain_http import PlainHttpWarning, origin_of, travels_in_clear
from model_sharing_protocol.profile import Profile, parse_profile, write_profile
from model_sharing_protocol.profile_sign_in import PrivateKeyJwt, WorkloadIdentity
from model_sharing_protocol.text_files import decode_text

if TYPE_CHECKING:
    from model_sharing.transport.http_response import Response

MAX_INPUT_BYTES = 64 * 1024
_LINK = re.compile(r"https?://(\[[0-9a-f:.]+\])?[\w.~:/?#@!$&*+,;=%-]+", re.ASCII | re.IGNORECASE)
_AFTER_A_LINK = ".,;:!?*"
_WRAPPING = "\"'<>`()[] \t\r\n\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"  # quotes of several languages


async def activate(link: str, path: Path, *, force: bool = False) -> Profile:
    """Fetch the profile behind `link` and write it to `path`, readable by its owner only (0600).

    Raises AlreadyExists if the file exists and `force` is not set, InvalidParameter for a link or a path
    that cannot be used (both before the link is used up), NotFound for a link that is unknown or has expired,
    ActivationLinkUsed for one that was used before, and InvalidProfile for a profile that would use files or
    the identity of this machine.
    """
    url = clean_link(link)
    _check_target(path, force=force)
    if travels_in_clear(url):
        warnings.warn(
            f"{origin_of(url)} is plain http: the activation link and its token are sent unencrypted, "
            "and anybody who intercepts them can use them. Ask the provider for an https link.",
            PlainHttpWarning,
            stacklevel=2,
        )

    async def read(response: Response) -> bytes:
        return await read_bounded(response, bounds.PROFILE_BYTES)

    async with Transport(_no_profile, retry_for=Settings.from_environment().retry_for) as transport:
        try:
            data = await transport.use_link(api_link(url), read)
        except ActivationLinkUsed as error:
            raise ActivationLinkUsed(
                "This activation link was used before; each works once. If it was not you who used it, tell "
                "the provider, and ask for a new link."
            ) from error
        except NotFound as error:
            raise NotFound(
                "The provider does not know this activation link, or it has expired. Copy the whole link "
                "again, or ask for a new one."
            ) from error
    try:
        profile = parse_profile(data, "The answer to the activation link")
    except InvalidProfile as error:
        raise NotASharingServer(
            f"{error.message} Check that this is the activation link of a model-sharing provider."
        ) from error
    if isinstance(profile.sign_in, PrivateKeyJwt | WorkloadIdentity):
        # Its file or identity would be chosen by the provider, who gets what is signed or read there.
        raise InvalidProfile(
            f"The activation link gives a profile of the type {profile.kind}, which uses files or the "
            "identity of this machine. Such profiles are not taken from others: write yours, with what the "
            "provider tells you."
        )
    write_profile(data, path)
    return profile


def clean_link(text: str) -> str:
    """Clean a link as people paste it of the white space, quotes or brackets around it."""
    link = "".join(text.split()).strip(_WRAPPING)
    try:
        parts = urlsplit(link)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and len(parts.path) > 1
        _ = parts.port
    except ValueError:
        usable = False
    if not usable or not link.isascii() or not link.isprintable():
        raise InvalidParameter(
            "That is not an activation link. It starts with http:// or https:// and is sent by the provider."
        )
    return link


def find_link(data: bytes) -> str:
    """Find the activation link in a text, such as a pasted line of a mail; the text if there is none.

    Raises InvalidParameter for several links.
    """
    text = decode_text(data, "replace").strip(_WRAPPING)
    links = list(dict.fromkeys(found[0].rstrip(_AFTER_A_LINK) for found in _LINK.finditer(text)))
    if len(links) == 1 and " " not in text and _LINK.fullmatch("".join(text.split())):
        return text.rstrip(_AFTER_A_LINK)  # a link and nothing else, perhaps broken into lines
    if len(links) > 1:
        raise InvalidParameter("There is more than one link; give the activation link alone.")
    return links[0] if links else text


def _check_target(path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise InvalidParameter(f"{path} is a folder; name the profile file to write, such as globex.share.")
    if path.exists() and not force:
        raise AlreadyExists(
            f"{path} exists. Choose another file, or replace it with --force. The link was not used."
        )
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InvalidParameter(f"The folder {folder} does not exist. The link was not used.")
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(bounds.PROFILE_BYTES))
    except OSError as error:
        kind = DiskFull if error.errno in FULL else InvalidParameter
        raise kind(f"No file can be written in {folder}: {error.strerror}. The link was not used.") from error


def _no_profile() -> Profile:
    raise AssertionError("an activation link needs no profile")
