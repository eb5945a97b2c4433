"""Shares of a model: in which it is, under which name, and what their recipients have pulled of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from model_sharing_protocol.pages import page_of as page_of_list
from model_sharing_provider.domain.pull_history import AliasLag, VersionPull
from model_sharing_provider.domain.securables import RegisteredModel, SecurableType
from model_sharing_provider.domain.sharing import ModelShare
from model_sharing_provider.faces.explorer.listings import page_of
from model_sharing_provider.faces.explorer.models import model_of
from model_sharing_provider.faces.explorer.page_routes import page
from model_sharing_provider.faces.explorer.rendering import explorer_url, render
from model_sharing_provider.http.requests import context_of, provider_of

_LISTING = "explorer recipients of a model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Recipient of a model: its newest version, its last pull, and how far it is behind each alias.

    Without pulls for one that may read the model and never did, as far as the audit log goes back.
    """

    recipient: str
    newest: VersionPull | None = None
    last_at: int | None = None
    lags: Sequence[AliasLag] = ()


@dataclass(frozen=True, slots=True)
class AliasUse:
    """Alias of a model, and the last pull of the version that it points at now."""

    alias: str
    version: int
    last: VersionPull | None


async def show_shares(request: web.Request) -> web.Response:
    """Shares with the model, and who holds which version."""
    provider, context, name = provider_of(request), context_of(request), model_of(request)
    model = await provider.models.get(context, name)
    shares = await provider.shares.of_model(context, name)
    refusals = await provider.permissions.refusals(context, SecurableType.MODEL, str(name))
    pulls: Sequence[VersionPull] = ()
    lags: Sequence[AliasLag] = ()
    if not refusals["see_activity"]:
        pulls, lags = await provider.pull_history.who_pulled(context, name)
    readers = page_of_list(
        _readers(shares, pulls, lags), page_of(request, _LISTING), lambda each: each.recipient
    )
    token = readers.token(_LISTING)
    return render(
        request,
        "model_shares.html",
        name=name,
        model=model,
        tab="Shared",
        refusals=refusals,
        shares=shares,
        readers=readers.items,
        aliases=_alias_uses(model, pulls),
        next=explorer_url(request, "models", name, "shared", page=token) if token else "",
    )


def _readers(
    shares: Sequence[ModelShare], pulls: Sequence[VersionPull], lags: Sequence[AliasLag]
) -> list[Reader]:
    names = {recipient for share in shares for recipient in share.recipients}
    names |= {pull.recipient for pull in pulls}
    found = []
    for recipient in sorted(names):
        own = [pull for pull in pulls if pull.recipient == recipient]
        found.append(
            Reader(
                recipient=recipient,
                newest=max(own, key=lambda pull: pull.version, default=None),
                last_at=max((pull.last_at for pull in own), default=None),
                lags=[lag for lag in lags if lag.recipient == recipient],
            )
        )
    return found


def _alias_uses(model: RegisteredModel, pulls: Sequence[VersionPull]) -> list[AliasUse]:
    # The latest pull comes first.
    last: dict[int, VersionPull] = {}
    for pull in pulls:
        last.setdefault(pull.version, pull)
    return [AliasUse(alias, version, last.get(version)) for alias, version in model.aliases.items()]


ROUTES = (page("/models/{full_name}/shared", show_shares),)
