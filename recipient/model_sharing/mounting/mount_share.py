"""Mounting of a share: check with the provider that it is there, and pin its signing key."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from model_sharing.client.sharing_client import SharingClient
from model_sharing.mount_table import Mount, MountTable, check_mount_name, file_stem
from model_sharing.mounting.profile_sources import ProfileSource
from model_sharing.mounting.shares import check_share, only_share, warn_of_plain_http
from model_sharing.mounting.terms import agree_to_mount
from model_sharing.resolution.known_state import KnownState
from model_sharing.resolution.pinned_keys import fetch_keys
from model_sharing.settings import Settings
from model_sharing.transport.file_origins import check_named_origins
from model_sharing.transport.session import Transport
from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.names import normalize_name
from model_sharing_protocol.signing_keys import first_of
from model_sharing_protocol.times import moment, now_ms

_FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}")


async def mount_share(
    settings: Settings,
    source: ProfileSource,
    share: str | None = None,
    name: str | None = None,
    *,
    trust_remote_code: bool = False,
    key_fingerprint: str | None = None,
    move: bool = False,
    accept_terms: Collection[str] = (),
    accepted_by: str | None = None,
) -> Mount:
    """Mount a share that the provider grants, and pin its signing key.

    The same mount again changes nothing but its stored profile and its file origins, which are those that the
    provider names now.

    Args:
        settings: Where mounts and profiles are stored.
        source: The profile. One that is in no file is stored in the home, for this mount alone.
        share: The share's name; None for the only one that is granted.
        name: The mount's name; None for that of the share.
        trust_remote_code: Let this provider's models run code when they load.
        key_fingerprint: The expected signing key, learned by another way; None trusts the one that is shown.
        move: Replace the mount of this name by one at the address in the profile. The provider there has to
            show the pinned key, or one that it vouches for; what was seen and downloaded stays.
        accept_terms: Digests of the terms that are accepted hereby, as far as they apply.
        accepted_by: The name of who accepts them; None for the user's name on this machine.

    Raises:
        TermsNotAccepted: The share has terms that were not accepted; its models' own do not matter here.
        MountExists: The name is taken by another mount.
        InvalidProfile: The profile cannot be used.
        NotFound: This recipient has no such share.
        InvalidParameter: There are several shares, and none was named.
        NotASharingServer: The provider names origins that files may not come from.
        UntrustedSignature: The provider signs with another key than the expected one.
    """
    share = None if share is None else normalize_name("share", share)
    name = None if name is None else check_mount_name(name)
    expected = _checked(key_fingerprint)
    endpoint = source.profile.endpoint
    table = MountTable(settings.mounts)
    if move and share is None and name is not None:
        share = table.get(name).share
    warn_of_plain_http(endpoint)
    async with Transport(lambda: source.profile, retry_for=settings.retry_for) as transport:
        client = SharingClient(transport, endpoint)
        chosen = share or await only_share(client, endpoint)
        mount = _new_mount(settings, source, chosen, name or chosen, trust_remote_code)
        present: Mount | None
        if move:
            present = _movable(table.get(mount.name), mount)
            mount = replace(mount, trust_remote_code=present.trust_remote_code, mounted_at=present.mounted_at)
        else:
            present = table.check_free(mount)
        if share is not None:
            await check_share(client, endpoint, share)
        new = await _with_keys(client, mount, present, expected)
        if not move or accept_terms:
            await agree_to_mount(client, endpoint, chosen, accept_terms, accepted_by)
    if move and present is not None:
        return _move(settings, table, present, new, source.content)
    added = table.add(new, source.content)
    return table.set_file_origins(table.pin(added, new.keys), new.file_origins)


async def _with_keys(
    client: SharingClient, mount: Mount, present: Mount | None, expected: str | None
) -> Mount:
    """Mount with the provider's keys, which follow those of the `present` one, and its file origins."""
    pinned = [PublicKey.parse(pem) for pem in (present.keys if present else ())]
    keys = await fetch_keys(client, mount.endpoint, pinned, expected)
    listed = await client.list_keys()
    return replace(
        mount,
        keys=tuple(key.pem for key in keys),
        file_origins=check_named_origins(mount.endpoint, listed.file_origins),
        provider_fingerprint=first_of(keys[0], listed.keys).fingerprint,
    )


def _move(settings: Settings, table: MountTable, present: Mount, new: Mount, profile: bytes) -> Mount:
    """Replace the mount `present` by `new`, with what is known and trusted of it."""
    moved = replace(
        new,
        trust_remote_code=present.trust_remote_code,
        mounted_at=present.mounted_at,
        provider_fingerprint=present.provider_fingerprint,
    )
    KnownState(settings.cache, moved.endpoint, moved.share).merge_from(
        KnownState(settings.cache, present.endpoint, present.share)
    )
    table.move(present, moved, profile)
    if present.profile_path.parent == settings.profiles and present.profile_path != moved.profile_path:
        present.profile_path.unlink(missing_ok=True)
    return moved


def _movable(present: Mount, moved: Mount) -> Mount:
    """Mount that has the name, if it can be moved. Raises InvalidParameter."""
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
    return present


def _new_mount(
    settings: Settings, source: ProfileSource, share: str, name: str, trust_remote_code: bool
) -> Mount:
    """The mount that was asked for, without the keys, which the provider has to show first."""
    checked = check_mount_name(name)
    return Mount(
        name=checked,
        share=share,
        profile_path=source.path or settings.profiles / f"{file_stem(checked)}.share",
        endpoint=source.profile.endpoint,
        trust_remote_code=trust_remote_code,
        mounted_at=moment(now_ms()),
        keys=(),
        provider_fingerprint="",
    )


def _checked(fingerprint: str | None) -> str | None:
    if fingerprint is None or _FINGERPRINT.fullmatch(fingerprint.lower()):
        return fingerprint and fingerprint.lower()
    raise InvalidParameter(
        f"{fingerprint!r} is not a key's fingerprint: it is sha256: and 64 hexadecimal digits."
    )
