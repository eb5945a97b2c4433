"""Context of log lines: which share and recipient a request is about."""

from __future__ import annotations

from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.secrets import TOKEN_PREFIX
from model_sharing_provider.telemetry.log import bind


def name_in_log(target: Target) -> None:
    """Bind share and recipient to the request's log lines, unless the "name" may be a token."""
    named = {"share": target.share, "recipient": target.recipient}
    known = {key: name for key, name in named.items() if name and not name.lower().startswith(TOKEN_PREFIX)}
    bind(**known)
