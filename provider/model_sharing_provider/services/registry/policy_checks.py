"""Checks of new federation policies, of recipients and principals alike."""

from __future__ import annotations

import re
from uuid import uuid4

from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, InvalidState
from model_sharing_provider.domain.federation import (
    MAX_AUDIENCES,
    MAX_GROUPS,
    MAX_POLICIES,
    FederationPolicy,
    NewFederationPolicy,
)
from model_sharing_provider.domain.limits import check_comment, check_text
from model_sharing_provider.governance.issuers import check_issuer
from model_sharing_provider.services.context import Operation

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_MAX_CLAIM, _MAX_SUBJECT, _MAX_AUDIENCE = 255, 1024, 1024


def checked_policy(
    operation: Operation, holder_id: str, new: NewFederationPolicy, name: str | None, audience: str
) -> FederationPolicy:
    """New policy of a holder; `audience` stands for its audiences if it names none.

    Without a `name`, one is made up. Raises InvalidParameter.
    """
    audiences = tuple(dict.fromkeys(new.audiences)) or ((audience,) if audience else ())
    if not audiences:
        raise InvalidParameter(
            "The policy names no audience, and this server has no public URL to stand for one; give what "
            "tokens for this server have as their 'aud'."
        )
    if len(audiences) > MAX_AUDIENCES:
        raise InvalidParameter(f"A policy has at most {MAX_AUDIENCES} audiences.")
    groups = tuple(sorted(set(new.groups)))
    if bool(new.groups_claim) != bool(groups):
        raise InvalidParameter(
            "A policy that gives groups names both the claim and the groups that it may give; no others are "
            "given."
        )
    if len(groups) > MAX_GROUPS:
        raise InvalidParameter(f"A policy gives at most {MAX_GROUPS} groups.")
    policy_id = str(uuid4())
    return FederationPolicy(
        id=policy_id,
        holder_id=holder_id,
        name=_checked_name(policy_id if name is None else name),
        issuer=check_issuer(new.issuer),
        subject_claim=_checked_text("subject_claim", new.subject_claim, _MAX_CLAIM),
        subject=_checked_text("subject", new.subject, _MAX_SUBJECT),
        audiences=tuple(_checked_text("audience", each, _MAX_AUDIENCE) for each in audiences),
        groups_claim=_checked_text("groups_claim", new.groups_claim, _MAX_CLAIM) if groups else "",
        groups=groups,
        comment=check_comment(new.comment),
        created_at=operation.now,
        updated_at=operation.now,
    )


async def check_new_policy(operation: Operation, policy: FederationPolicy) -> None:
    """Raise AlreadyExists or InvalidState for a policy that cannot be added to the others."""
    others = await operation.rows.federation_policies.of_holder(policy.holder_id)
    if any(each.name == policy.name for each in others):
        raise AlreadyExists(f"The federation policy {policy.name!r} exists already.")
    if len(others) >= MAX_POLICIES:
        raise InvalidState(f"There are {MAX_POLICIES} federation policies already; delete one first.")
    for twin in await operation.rows.federation_policies.twins(policy):
        if not set(twin.audiences).isdisjoint(policy.audiences):
            raise AlreadyExists(
                "A federation policy for this issuer, subject and audience exists already, here or of "
                "another recipient or principal; a token can be for one of them only."
            )


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidParameter(
            f"{name!r} cannot be the name of a federation policy; write up to 63 lowercase letters, digits "
            "and hyphens, not beginning with a hyphen."
        )
    return name


def _checked_text(what: str, text: str, limit: int) -> str:
    if not text.strip() or text != text.strip() or not text.isprintable():
        raise InvalidParameter(
            f"{text!r} cannot be the {what} of a federation policy; write it as in the tokens."
        )
    return check_text(what, text, limit)
