"""`model-sharing activate`, `shares`, `mount`, `mounts`, `unmount`, `key`: from a link to a mounted share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from model_sharing.api import blocking
from model_sharing.cli.completion import complete_catalogs
from model_sharing.cli.options import standard_input
from model_sharing.cli.terms_command import accepted_by_option, agreed_to, show, tell_of_models
from model_sharing.mount_table import Mount, MountTable
from model_sharing.mounting.activation import MAX_INPUT_BYTES, find_link
from model_sharing.mounting.profile_sources import MAX_PROFILE_BYTES, ProfileSource, find_profile
from model_sharing.settings import PROFILE_VARIABLE, Settings
from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import say, say_lines
from model_sharing_protocol.console.results import show_list
from model_sharing_protocol.console.terms import can_ask
from model_sharing_protocol.errors import SharingError, TermsNotAccepted
from model_sharing_protocol.profile import read_profile

_STANDARD_INPUT = "-"


@click.command(
    epilog=example(
        "model-sharing activate https://models.acme.example/explorer/activate/… globex.share",
        "model-sharing activate - globex.share < link.txt",
    )
)
@click.argument("link")
@click.argument("profile", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def activate(link: str, profile: Path, *, force: bool) -> None:
    """Turn an activation LINK, which works once, into the file PROFILE.

    A LINK of - is read from standard input, which keeps it out of the shell's history.
    """
    if link == "-":
        link = find_link(standard_input(MAX_INPUT_BYTES, "the activation link", line=True))
    path = blocking.activate(link, profile, force=force)
    expires = read_profile(path).expires_at
    until = f"; its token is valid until {expires.isoformat(timespec='seconds')}" if expires else ""
    say(f"Wrote {path}, readable by you only{until}.")


@click.command(epilog=example("model-sharing shares globex.share"))
@click.argument("profile", required=False, type=click.Path(allow_dash=True))
@output_option
def shares(profile: str | None, output: str) -> None:
    """List the shares that PROFILE gives access to, and what each is mounted as.

    PROFILE is a file, or - for standard input; it defaults to $MODEL_SHARING_PROFILE, a path or the JSON
    itself.
    """
    source = find_profile(_given(profile))
    names = blocking.list_shares(source)
    here = [
        mount
        for mount in MountTable(Settings.from_environment().mounts).all()
        if mount.endpoint == source.profile.endpoint
    ]
    mounted = {name: [mount.name for mount in here if mount.share == name] for name in names}
    show_list(
        [{"name": name, "mounted_as": mounted[name]} for name in names],
        ["name", "mounted_as"],
        output,
        empty="Nothing is shared with you yet. Ask the provider to grant you a share.",
    )


@click.command(
    epilog=example(
        "model-sharing mount globex.share",
        "model-sharing mount globex.share acme_share --as vendor",
        "model-sharing mount - < globex.share",
    )
)
@click.argument("profile", required=False, type=click.Path(allow_dash=True))
@click.argument("share", required=False)
@click.option("--as", "name", help="Name of the catalog here. Default: the share's name.")
@click.option("--trust-remote-code", is_flag=True, help="Let this provider's models run code when they load.")
@click.option(
    "--key-fingerprint",
    metavar="sha256:…",
    help="Fingerprint of the provider's signing key, as you were told by another channel.",
)
@click.option(
    "--move", is_flag=True, help="The provider has a new address: change an existing mount, and keep its key."
)
@click.option(
    "--accept-terms",
    "digests",
    metavar="sha256:…",
    multiple=True,
    help="Accept terms of the share or of its models, by their digest; repeatable.",
)
@accepted_by_option
def mount(
    profile: str | None,
    share: str | None,
    name: str | None,
    *,
    trust_remote_code: bool,
    key_fingerprint: str | None,
    move: bool,
    digests: Sequence[str],
    accepted_by: str | None,
) -> None:
    """Mount SHARE of the provider in PROFILE as a read-only catalog, and pin the provider's signing key.

    SHARE may be omitted if there is only one. PROFILE is a file, or - for standard input; it defaults to
    $MODEL_SHARING_PROFILE, a path or the JSON itself. A profile that is not in a file is kept in the
    home, readable by you only, until it is unmounted or mounted again.

    If the share has terms, they are shown, and on a terminal you are asked whether you accept them.
    """
    profile, share = _split_arguments(profile, share)
    source = find_profile(_given(profile))
    mounting = partial(
        blocking.mount,
        source,
        share=share,
        name=name,
        trust_remote_code=trust_remote_code,
        key_fingerprint=key_fingerprint,
        move=move,
        accepted_by=accepted_by,
    )
    try:
        catalog = mounting(accept_terms=digests)
    except TermsNotAccepted:
        catalog = mounting(accept_terms=[*digests, *_agreed(source, share)])
    trust = " Its models may run code when they load." if catalog.mount.trust_remote_code else ""
    done = f"Moved {catalog.mount.share} to" if move else f"Mounted {catalog.mount.share} from"
    say(f"{done} {catalog.mount.endpoint} as {catalog.name}.{trust}")
    if source.path is None:
        say(f"Its profile is kept in {catalog.mount.profile_path}, readable by you only.")
    if source.profile.sign_in is not None:
        say(f"Signed in by the {source.profile.sign_in}.")
    say(f"Its models are signed by {catalog.mount.key_fingerprint}.")
    if catalog.mount.file_origins:
        say(f"Its files come from {', '.join(catalog.mount.file_origins)}.")
    if not move:
        tell_of_models(catalog, accepted_by)


def _agreed(source: ProfileSource, share: str | None) -> list[str]:
    """Digests of the share's terms that the user agrees to; all of them are shown, for scripts, too."""
    found = [
        each for each in blocking.list_terms(source, share=share) if not each.models and not each.accepted
    ]
    if can_ask():
        return agreed_to(found)
    for each in found:
        show(each)
    return []


@click.command(epilog=example("model-sharing mounts"))
@output_option
def mounts(output: str) -> None:
    """List the mounts."""
    found = MountTable(Settings.from_environment().mounts).all()
    show_list(
        [_mount_record(mount) for mount in found],
        ["name", "share", "endpoint", "profile_path", "sign_in", "trust_remote_code", "mounted_at"],
        output,
        empty="Nothing is mounted. Mount a share with: model-sharing mount PROFILE",
    )


@click.command(epilog=example("model-sharing unmount vendor"))
@click.argument("name", shell_complete=complete_catalogs)
def unmount(name: str) -> None:
    """Remove the mount NAME. Downloaded files stay in the cache."""
    blocking.unmount(name)
    say(f"Unmounted {name}.")


@click.command(epilog=example("model-sharing key vendor > vendor.pem"))
@click.argument("name", shell_complete=complete_catalogs)
def key(name: str) -> None:
    """Print the public key that signs the models of the mount NAME, for other verifiers."""
    say_lines(blocking.catalog(name).mount.keys[-1])


def _given(profile: str | None) -> str | bytes | None:
    if profile != _STANDARD_INPUT:
        return profile
    return standard_input(MAX_PROFILE_BYTES + 1, "the profile's file")


def _split_arguments(profile: str | None, share: str | None) -> tuple[str | None, str | None]:
    """Profile and share of the arguments; where the environment names a profile, one alone may be the share.

    It is, unless it is a file or looks like one: names of shares have neither dots nor slashes.
    """
    alone = profile is not None and share is None and bool(os.environ.get(PROFILE_VARIABLE))
    if not alone or profile is None or profile == _STANDARD_INPUT:
        return profile, share
    if "." in profile or "/" in profile or os.sep in profile or Path(profile).exists():
        return profile, share
    return None, profile


def _mount_record(mount: Mount) -> dict[str, object]:
    return {
        "name": mount.name,
        "share": mount.share,
        "endpoint": mount.endpoint,
        "profile_path": str(mount.profile_path),
        "sign_in": _kind_of_sign_in(mount),
        "trust_remote_code": mount.trust_remote_code,
        "mounted_at": mount.mounted_at,
        "key_fingerprint": mount.key_fingerprint,
    }


def _kind_of_sign_in(mount: Mount) -> str | None:
    """Kind of the mount's profile, such as bearer_token; None if it cannot be read, as `doctor` explains."""
    try:
        return mount.read_profile().kind
    except SharingError:
        return None
