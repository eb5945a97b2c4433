"""Mount a share: check with the provider that it is there, and pin the key that signs its models."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from pathlib import Path

from model_sharing.client import SharingClient
from model_sharing.downloads.origins import accept
from model_sharing.mount_table import Mount, MountTable, check_mount_name
from model_sharing.refs import Refs
from model_sharing.settings import Settings
from model_sharing.transport import Transport
from model_sharing.trust import fetch_keys
from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.errors import InvalidParameter, NotFound, UntrustedSignature
from model_sharing_protocol.names import normalize_name
from model_sharing_protocol.plain_http import PlainHttpWarning, origin_of, travels_in_clear
from model_sharing_protocol.profile import read_profile
from model_sharing_protocol.signing_keys import first_of
from model_sharing_protocol.times import moment, now_ms

_FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}")


async def mount_share(
    settings: Settings,
    profile_path: Path,
    share: str,
    name: str,
    *,
    trust_remote_code: bool = False,
    key_fingerprint: str | None = None,
    move: bool = False,
) -> Mount:
    """Record a mount of a share that is there, with the provider's signing key.

    `key_fingerprint` is what the provider told by another way; without it, the key that is shown is believed.
    The same mount again changes nothing but where files may come from: that is what the provider names now.
    With `move`, the mount that has the name leads to the address in the profile from now on: the provider
    there has to show the key that is pinned, or one that it vouches for; what was seen and downloaded stays.
    Raises MountExists if the name is taken by another, InvalidProfile, NotASharingServer for places that no
    files may come from, NotFound if this recipient has no such share, UntrustedSignature for another key than
    the expected one.
    """
    mount = _new_mount(profile_path, share, name, trust_remote_code)
    expected = _checked(key_fingerprint)
    table = MountTable(settings.mounts)
    present: Mount | None
    if move:
        present = _movable(table.get(mount.name), mount)
        mount = replace(mount, trust_remote_code=present.trust_remote_code, mounted_at=present.mounted_at)
    else:
        present = table.check_free(mount)
    if travels_in_clear(mount.endpoint):
        warnings.warn(
            f"{origin_of(mount.endpoint)} is plain http: the token and the models travel in clear, and "
            "whoever reads the token on the way can use it. Ask the provider for an https address.",
            PlainHttpWarning,
            stacklevel=2,
        )
    async with Transport(mount.read_profile, retry_for=settings.retry_for) as transport:
        client = SharingClient(transport, mount.endpoint)
        try:
            await client.get_share(mount.share)
        except NotFound as error:
            raise NotFound(
                f"{mount.endpoint} shares nothing called {mount.share!r} with you (any more). Check the "
                "name, or ask the provider to grant it."
            ) from error
        pinned = [PublicKey.parse(pem) for pem in (present.keys if present else ())]
        keys = await fetch_keys(client, mount.endpoint, pinned, expected)
        listed = await client.list_keys()
        origins = accept(mount.endpoint, listed.file_origins)
    pems = tuple(key.pem for key in keys)
    first = first_of(keys[0], listed.keys).fingerprint
    new = replace(mount, keys=pems, file_origins=origins, first_key=first)
    if move and present is not None:
        Refs(settings.cache, mount.endpoint, mount.share).take_over(
            Refs(settings.cache, present.endpoint, present.share)
        )
        return table.move(present, replace(new, first_key=present.first_key or first))
    added = table.add(new)
    return table.accept_origins(table.pin(added, pems), origins)


def _movable(present: Mount, moved: Mount) -> Mount:
    """The mount that has the name, if it can be moved. Raises InvalidParameter, UntrustedSignature."""
    if present.share != moved.share:
        raise InvalidParameter(
            f"{present.name!r} is a mount of the share {present.share!r}, not of {moved.share!r}: what is "
            "signed names the share. Mount the other one by a name of its own."
        )
    if moved.trust_remote_code and not present.trust_remote_code:
        raise InvalidParameter(
            f"{present.name!r} was mounted without trust in remote code, and moving it does not change that. "
            "Move it, or unmount it and mount it with trust."
        )
    if not present.keys:
        raise UntrustedSignature(
            f"No key is pinned for {present.name!r}, so nothing says that {moved.endpoint} is the same "
            "provider. Unmount it and mount it again."
        )
    return present


def _new_mount(profile_path: Path, share: str, name: str, trust_remote_code: bool) -> Mount:
    path = profile_path.expanduser().absolute()
    return Mount(
        name=check_mount_name(name),
        share=normalize_name("share", share),
        profile_path=path,
        endpoint=read_profile(path).endpoint,
        trust_remote_code=trust_remote_code,
        mounted_at=moment(now_ms()),
    )


def _checked(fingerprint: str | None) -> str | None:
    if fingerprint is None or _FINGERPRINT.fullmatch(fingerprint.lower()):
        return fingerprint and fingerprint.lower()
    raise InvalidParameter(
        f"{fingerprint!r} is not a key's fingerprint: it is sha256: and 64 hexadecimal digits."
    )
