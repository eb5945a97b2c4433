"""Mount table: the shares that are mounted here, and under which names.

A mount is one small JSON file, `mounts/<name>.json`, that points at a profile file and holds no secret: the
token stays in the profile, so that activating a new link into the same file renews every mount of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import msgspec

from model_sharing.filesystem.local_files import make_folder, replace_file, translated_write_errors
from model_sharing.filesystem.locks import locked
from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.errors import (
    InvalidParameter,
    InvalidProfile,
    InvalidState,
    MountExists,
    NotFound,
)
from model_sharing_protocol.field_types import EpochMs
from model_sharing_protocol.names import normalize_name
from model_sharing_protocol.profile import Profile, read_profile, write_profile
from model_sharing_protocol.times import epoch_ms, moment

_MAX_FILE_NAME = 200


@dataclass(frozen=True, slots=True)
class Mount:
    """Mount of a share under a local name. `mounted_at` is in UTC.

    `trust_remote_code` says that the user lets this provider's models run code while they load. It was
    given to the provider at `endpoint`, so the mount refuses to work when the profile names another.
    `keys` are the PEMs of the signing keys that it trusts, oldest first; the last one is expected to sign.
    `provider_fingerprint` is that of the oldest key that vouched for the first of `keys`: it identifies the
    provider in all its mounts, whatever key it signs with by now.
    `file_origins` are where else than at the endpoint its files may come from, such as an object store.
    """

    name: str
    share: str
    profile_path: Path
    endpoint: str
    trust_remote_code: bool
    mounted_at: datetime
    keys: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    provider_fingerprint: str
    file_origins: tuple[str, ...] = ()

    def read_profile(self) -> Profile:
        """Read the profile as it is now; InvalidProfile or InvalidState if it is of no use for this mount."""
        profile = read_profile(self.profile_path)
        if profile.endpoint != self.endpoint:
            raise InvalidState(
                f"The profile file {self.profile_path} now names the provider at {profile.endpoint}, but "
                f"{self.name!r} was mounted from {self.endpoint}. If the provider told you of the new "
                f"address: model-sharing mount {shlex.quote(str(self.profile_path))} {self.share} --as "
                f"{shlex.quote(self.name)} --move"
            )
        return profile

    @property
    def key_fingerprint(self) -> str:
        """Fingerprint of the key that signs now."""
        return PublicKey.parse(self.keys[-1]).fingerprint

    def same_as(self, other: Mount) -> bool:
        """True if both differ at most in when they were mounted, and in what was pinned since."""
        return (self.name, self.share, self.profile_path, self.endpoint, self.trust_remote_code) == (
            other.name,
            other.share,
            other.profile_path,
            other.endpoint,
            other.trust_remote_code,
        )


def check_mount_name(name: str) -> str:
    """Lower-case form of a mount's name, or InvalidParameter."""
    if "@" in name:
        raise InvalidParameter(f"The catalog name {name!r} contains '@', which separates aliases.")
    return normalize_name("catalog", name)


def file_stem(name: str) -> str:
    """File name, without its ending, for what belongs to the mount of this name."""
    quoted = quote(name, safe="")
    return quoted if len(quoted) <= _MAX_FILE_NAME else hashlib.sha256(name.encode()).hexdigest()


class MountTable:
    """Table of the mounts below one folder. Safe for several processes at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, mount: Mount, profile: bytes = b"") -> Mount:
        """Record a mount and return it. The same mount again is no change; another is MountExists.

        `profile` is the JSON to keep, or to renew, in the mount's profile file, if it is in no other file.
        """
        with self._locked():
            present = self.check_free(mount)
            if profile:
                write_profile(profile, make_folder(mount.profile_path.parent) / mount.profile_path.name)
            if present:
                return present
            replace_file(self._path(mount.name), _encode(mount), mode=0o600)
        return mount

    def move(self, before: Mount, after: Mount, profile: bytes = b"") -> Mount:
        """Replace a mount by another of the same name. Raises MountExists if it was changed meanwhile.

        `profile`: see `add`.
        """
        with self._locked():
            path = self._path(after.name)
            present = self._read(path) if path.exists() else None
            if present is None or not present.same_as(before):
                raise MountExists(f"{after.name!r} was changed meanwhile; look at it, and try again.")
            if profile:
                write_profile(profile, make_folder(after.profile_path.parent) / after.profile_path.name)
            replace_file(path, _encode(after), mode=0o600)
        return after

    def set_file_origins(self, mount: Mount, origins: Sequence[str]) -> Mount:
        """Replace the origins that files may come from, unless the mount is gone."""
        return self._update(mount, lambda present: replace(present, file_origins=tuple(origins)))

    def pin(self, mount: Mount, keys: Sequence[str]) -> Mount:
        """Pin these keys, the newest last, unless the mount is gone or trusts others by now."""

        def pinned(present: Mount) -> Mount:
            goes_on = present.keys == tuple(keys[: len(present.keys)])
            return replace(present, keys=tuple(keys)) if goes_on else present

        return self._update(mount, pinned)

    def check_free(self, mount: Mount) -> Mount | None:
        """Check that a mount's name is free: None, or the same mount; MountExists for another."""
        path = self._path(mount.name)
        if not path.exists():
            return None
        present = self._read(path)
        if not present.same_as(mount):
            raise MountExists(
                f"{mount.name!r} is mounted already: {_describe(present)}. Choose another name, or "
                f"unmount {mount.name!r} first. Nothing was changed."
            )
        return present

    def get(self, name: str) -> Mount:
        """Get the mount of this name, or NotFound."""
        path = self._path(check_mount_name(name))
        if not path.exists():
            mounted = ", ".join(mount.name for mount in self.all())
            raise NotFound(
                f"No catalog is mounted as {name!r}. "
                + (f"Mounted are: {mounted}." if mounted else "Mount one with: model-sharing mount.")
            )
        return self._read(path)

    def all(self) -> list[Mount]:
        """List the mounts, by name."""
        return sorted(
            (self._read(path) for path in self._folder.glob("*.json")), key=lambda mount: mount.name
        )

    def remove(self, name: str, own_profiles: Path) -> Mount:
        """Remove a mount, and its profile if that is in `own_profiles`; NotFound if there is none."""
        with self._locked():
            mount = self.get(name)
            self._path(mount.name).unlink()
            if mount.profile_path.parent == own_profiles:
                mount.profile_path.unlink(missing_ok=True)
        return mount

    def _update(self, mount: Mount, change: Callable[[Mount], Mount]) -> Mount:
        """Change what was learned about a mount, unless it is gone, or another one by now."""
        with self._locked():
            path = self._path(mount.name)
            present = self._read(path) if path.exists() else None
            if present is None or not present.same_as(mount):
                return mount
            changed = change(present)
            if changed != present:
                replace_file(path, _encode(changed), mode=0o600)
            return changed

    def _path(self, name: str) -> Path:
        return self._folder / f"{file_stem(name)}.json"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with translated_write_errors(self._folder, "MODEL_SHARING_HOME"), locked(self._folder / ".lock"):
            yield

    def _read(self, path: Path) -> Mount:
        try:
            return _decode(path.read_bytes())
        except (OSError, msgspec.MsgspecError) as error:
            raise InvalidProfile(
                f"The mount file {path} cannot be read. Delete it and mount again."
            ) from error


def _describe(mount: Mount) -> str:
    trust = " with trust_remote_code" if mount.trust_remote_code else ""
    return f"the share {mount.share!r} of {mount.endpoint}, from {mount.profile_path}{trust}"


class _Moment(msgspec.Struct):
    """Time in a mount's file."""

    mounted_at: EpochMs


def _encode(mount: Mount) -> bytes:
    """Content of a mount's file, where times are epoch milliseconds."""
    plain = msgspec.to_builtins(mount, enc_hook=str)
    return msgspec.json.encode({**plain, "mounted_at": epoch_ms(mount.mounted_at)})


def _decode(data: bytes) -> Mount:
    mounted_at = moment(msgspec.json.decode(data, type=_Moment).mounted_at)
    plain = {**msgspec.json.decode(data), "mounted_at": mounted_at}
    return msgspec.convert(plain, Mount, dec_hook=_decode_path)


def _decode_path(kind: type[object], value: object) -> object:
    return kind(value)  # type: ignore[call-arg]  # the only such field is a Path
