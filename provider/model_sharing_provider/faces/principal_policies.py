"""Principals' federation policies face: the tokens of other issuers that they call the APIs with.

Source: `service_principal_federation_policy` of the account client of `databricks.sdk` 0.162. This server
takes any account, and the ids of users beside those of service principals. EXTENSION: `groups_claim` and
`groups`. Times are RFC 3339.
"""

from __future__ import annotations

from dataclasses import fields
from uuid import UUID, uuid5

from aiohttp import web

from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, NotFound
from model_sharing_protocol.times import iso
from model_sharing_protocol.unity_catalog import JSON
from model_sharing_protocol.unity_catalog_base import Message, NotServed
from model_sharing_provider.domain.federation import FederationPolicy, NewFederationPolicy
from model_sharing_provider.domain.principals import PrincipalType
from model_sharing_provider.http.authentication import authenticate_principal
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.parameter_schemas import NOT_EMPTY, TEXT
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Face, Nothing, Query, Route

_HOLDERS = (PrincipalType.SERVICE_PRINCIPAL, PrincipalType.USER, PrincipalType.ADMIN)
_OIDC = frozenset(field.name for field in fields(NewFederationPolicy)) - {"comment"}
_MASKS = {
    "*": _OIDC | {"comment"},
    "description": {"comment"},
    "oidc_policy": _OIDC,
    **{f"oidc_policy.{name}": {name} for name in sorted(_OIDC)},
}
"""Fields of a policy, by their names in an update mask."""


class OidcPolicy(Message):
    """Tokens that a policy accepts, and the groups that one of their claims may give."""

    issuer: str | None = None
    subject: str | None = None
    subject_claim: str | None = None
    audiences: tuple[str, ...] | None = None
    groups_claim: str | None = None
    groups: tuple[str, ...] | None = None
    jwks_json: NotServed = None
    jwks_uri: NotServed = None


class GivenPolicy(Message):
    """Federation policy of a request; a `name` must be that of the path. What answers add is not read."""

    name: str | None = None
    description: str | None = None
    oidc_policy: OidcPolicy | None = None


class Policy(Message):
    """Federation policy of a principal; `name` is its path, and `policy_id` its name here."""

    name: str
    policy_id: str
    uid: str
    oidc_policy: OidcPolicy
    create_time: str
    update_time: str
    description: str = ""


class Policies(Message):
    policies: tuple[Policy, ...]
    next_page_token: str = ""


async def create_policy(request: web.Request) -> web.Response:
    body, name = await read_body(request, GivenPolicy), request.query.get("policy_id")
    _check_path(request, body, name or "")
    policies = provider_of(request).principal_policies
    created = await policies.create(context_of(request), await _holder(request), _new(body), name)
    return json_response(_policy(request, created), JSON)


async def list_policies(request: web.Request) -> web.Response:
    policies = provider_of(request).principal_policies
    found = await policies.of_principal(context_of(request), await _holder(request))
    return json_response(Policies(tuple(_policy(request, each) for each in found)), JSON)


async def get_policy(request: web.Request) -> web.Response:
    policies, name = provider_of(request).principal_policies, request.match_info["policy"]
    found = await policies.get(context_of(request), await _holder(request), name)
    return json_response(_policy(request, found), JSON)


async def update_policy(request: web.Request) -> web.Response:
    """Update the fields in `update_mask`, or without one those that are given."""
    body, name = await read_body(request, GivenPolicy), request.match_info["policy"]
    _check_path(request, body, name)
    mask = request.query.get("update_mask")
    changed = _given(body) if mask is None else _masked(mask)
    policies = provider_of(request).principal_policies
    updated = await policies.update(context_of(request), await _holder(request), name, _new(body), changed)
    return json_response(_policy(request, updated), JSON)


async def delete_policy(request: web.Request) -> web.Response:
    policies, name = provider_of(request).principal_policies, request.match_info["policy"]
    await policies.delete(context_of(request), await _holder(request), name)
    return json_response({}, JSON)


async def _holder(request: web.Request) -> str:
    """Name of the principal whose id is in the path. Raises NotFound."""
    directory = provider_of(request).directory
    found = await directory.find(context_of(request), request.match_info["id"], _HOLDERS)
    return found.principal.name


def _path_of(request: web.Request, policy: str) -> str:
    path = request.match_info
    return f"accounts/{path['account']}/servicePrincipals/{path['id']}/federationPolicies/{policy}"


def _check_path(request: web.Request, body: GivenPolicy, policy: str) -> None:
    """Raise InvalidParameter for a policy that is named otherwise than by its path."""
    if body.name is not None and body.name != _path_of(request, policy):
        raise InvalidParameter(f"{body.name!r} is not the name of this policy; leave it out.")


def _new(body: GivenPolicy) -> NewFederationPolicy:
    oidc = body.oidc_policy or OidcPolicy()
    return NewFederationPolicy(
        issuer=oidc.issuer or "",
        subject_claim=oidc.subject_claim or "sub",
        subject=oidc.subject or "",
        audiences=oidc.audiences or (),
        groups_claim=oidc.groups_claim or "",
        groups=oidc.groups or (),
        comment=body.description or "",
    )


def _given(body: GivenPolicy) -> set[str]:
    """Fields of the policy that a request sets."""
    given = {name for name in _OIDC if getattr(body.oidc_policy, name, None) is not None}
    return given | ({"comment"} if body.description is not None else set())


def _masked(mask: str) -> set[str]:
    """Fields of the policy in an update mask. Raises InvalidParameter."""
    changed: set[str] = set()
    for name in mask.split(","):
        if name not in _MASKS:
            raise InvalidParameter(f"{name!r} in update_mask is not one of {', '.join(_MASKS)}.")
        changed |= _MASKS[name]
    return changed


def _policy(request: web.Request, policy: FederationPolicy) -> Policy:
    return Policy(
        name=_path_of(request, policy.name),
        policy_id=policy.name,
        # The row's own id changes with the tokens that the policy accepts; this one stays.
        uid=str(uuid5(UUID(policy.holder_id), policy.name)),
        description=policy.comment,
        oidc_policy=OidcPolicy(
            issuer=policy.issuer,
            subject=policy.subject,
            subject_claim=policy.subject_claim,
            audiences=policy.audiences,
            groups_claim=policy.groups_claim or None,
            groups=policy.groups or None,
        ),
        create_time=iso(policy.created_at),
        update_time=iso(policy.updated_at),
    )


_POLICIES = "/{account}/servicePrincipals/{id}/federationPolicies"
_POLICY = f"{_POLICIES}/{{policy}}"

FACE = Face(
    name="principal-policies",
    prefix="/api/2.0/accounts",
    authentication=authenticate_principal,
    errors=UNITY_CATALOG_ERRORS,
    parameters={"account": NOT_EMPTY, "id": NOT_EMPTY, "policy": NOT_EMPTY},
    documented_in="unity-catalog",
    routes=(
        Route(
            "POST",
            _POLICIES,
            create_policy,
            "New federation policy of a principal",
            Policy,
            GivenPolicy,
            query=(Query("policy_id", TEXT),),
            errors=(AlreadyExists,),
        ),
        Route("GET", _POLICIES, list_policies, "Federation policies of a principal", Policies),
        Route("GET", _POLICY, get_policy, "A federation policy of a principal", Policy, errors=(NotFound,)),
        Route(
            "PATCH",
            _POLICY,
            update_policy,
            "Change a federation policy of a principal",
            Policy,
            GivenPolicy,
            query=(Query("update_mask", TEXT),),
            errors=(AlreadyExists,),
        ),
        Route("DELETE", _POLICY, delete_policy, "Delete a federation policy of a principal", Nothing),
    ),
)
