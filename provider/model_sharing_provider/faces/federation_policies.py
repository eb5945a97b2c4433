"""Federation policies face: the tokens of other issuers that a recipient signs in with.

Source: `recipient_federation_policies` of `databricks.sdk`, with a prefix of its own. Times are RFC 3339.
"""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import unity_catalog_sharing as sharing
from model_sharing_protocol.errors import AlreadyExists
from model_sharing_protocol.times import iso
from model_sharing_protocol.unity_catalog import JSON
from model_sharing_provider.domain.federation import FederationPolicy, NewFederationPolicy
from model_sharing_provider.http.authentication import authenticate_principal
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.parameter_schemas import NAME, NOT_EMPTY
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Face, Nothing, Route


async def create_policy(request: web.Request) -> web.Response:
    body = await read_body(request, sharing.CreateFederationPolicy)
    policy = body.oidc_policy
    new = NewFederationPolicy(
        issuer=policy.issuer,
        subject_claim=policy.subject_claim,
        subject=policy.subject,
        audiences=policy.audiences,
        comment=body.comment,
    )
    policies = provider_of(request).federation_policies
    created = await policies.create(context_of(request), request.match_info["name"], new, body.name)
    return json_response(_policy(created), JSON)


async def list_policies(request: web.Request) -> web.Response:
    policies = provider_of(request).federation_policies
    found = await policies.of_recipient(context_of(request), request.match_info["name"])
    return json_response(sharing.FederationPolicies(tuple(map(_policy, found))), JSON)


async def get_policy(request: web.Request) -> web.Response:
    recipient, name = request.match_info["name"], request.match_info["policy"]
    found = await provider_of(request).federation_policies.get(context_of(request), recipient, name)
    return json_response(_policy(found), JSON)


async def delete_policy(request: web.Request) -> web.Response:
    recipient, name = request.match_info["name"], request.match_info["policy"]
    await provider_of(request).federation_policies.delete(context_of(request), recipient, name)
    return json_response({}, JSON)


def _policy(policy: FederationPolicy) -> sharing.FederationPolicy:
    return sharing.FederationPolicy(
        id=policy.id,
        name=policy.name,
        comment=policy.comment,
        oidc_policy=sharing.OidcFederationPolicy(
            issuer=policy.issuer,
            subject_claim=policy.subject_claim,
            subject=policy.subject,
            audiences=policy.audiences,
        ),
        create_time=iso(policy.created_at),
        update_time=iso(policy.updated_at),
    )


_POLICIES = "/recipients/{name}/federation-policies"

FACE = Face(
    name="federation-policies",
    prefix="/api/2.0/data-sharing",
    authentication=authenticate_principal,
    errors=UNITY_CATALOG_ERRORS,
    parameters={"name": NAME, "policy": NOT_EMPTY},
    documented_in="unity-catalog",
    routes=(
        Route(
            "POST",
            _POLICIES,
            create_policy,
            "New federation policy of a recipient",
            sharing.FederationPolicy,
            sharing.CreateFederationPolicy,
            errors=(AlreadyExists,),
        ),
        Route(
            "GET",
            _POLICIES,
            list_policies,
            "Federation policies of a recipient",
            sharing.FederationPolicies,
        ),
        Route("GET", f"{_POLICIES}/{{policy}}", get_policy, "A federation policy", sharing.FederationPolicy),
        Route("DELETE", f"{_POLICIES}/{{policy}}", delete_policy, "Delete a federation policy", Nothing),
    ),
)
