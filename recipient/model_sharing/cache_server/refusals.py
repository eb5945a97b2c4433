"""Refusals: files that the mount's policy keeps from clients, since they could run the provider's code."""

from __future__ import annotations

from model_sharing.cache_server.commits import Commit
from model_sharing.policy import is_inert_file
from model_sharing_protocol.errors import UntrustedCode
from model_sharing_protocol.refused_names import acts_unasked


def is_served(commit: Commit, path: str) -> bool:
    """True if a file is only ever read as data, or the mount is trusted."""
    return commit.catalog.mount.trust_remote_code or is_inert_file(path)


def check_served(commit: Commit, path: str) -> None:
    """Raise UntrustedCode for a file that is not served from a mount without trust."""
    if is_served(commit, path):
        return
    who = acts_unasked(path)
    why = f"{who} may act upon it unasked" if who else "it is of a kind that can hold code"
    mount = commit.catalog.name
    raise UntrustedCode(
        f"{path!r} of {commit} is not served, because {why}. Leave it out (ignore_patterns, --exclude), or, "
        f"if you trust the provider with your machine, unmount {mount!r} and mount it again with "
        "--trust-remote-code."
    )
