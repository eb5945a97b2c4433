"""Sign-in at an issuer that nobody here wrote: Canaille tells a real provider who our recipient is."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.datasets import load_iris

import model_sharing
from model_sharing.api import blocking
from model_sharing_protocol.errors import SignInRefused, Unauthenticated
from model_sharing_protocol.names import FullName
from model_sharing_protocol.profile import write_profile
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.federation import NewFederationPolicy
from model_sharing_provider.identity_providers.issuer_keys import IssuerKeys
from support.admin_client import AdminClient
from support.issuer import AUDIENCE, CLIENT, CLIENT_SECRET, Issuer, running_issuer
from support.processes.provider import LOOPBACK
from support.processes.servers import free_port

NAME = "prod.ml_team.iris_model"
SECONDS = 5
"""Lifetime of the issuer's tokens."""
FLOWERS: pd.DataFrame = load_iris(as_frame=True).data


@pytest.fixture
def settings(provider_home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A provider that sees at once that an issuer rotated its keys, and that a token has ended."""
    defaults = IssuerKeys.__init__.__kwdefaults__ or {}
    monkeypatch.setattr(IssuerKeys.__init__, "__kwdefaults__", {**defaults, "asked_every": 0.0})
    return Settings(provider_home, allowed_issuer_networks=LOOPBACK, identity_token_clock_skew=timedelta(0))


async def share_with_the_issuers_client(admin: AdminClient, issuer: Issuer, model: Path) -> None:
    await admin.register(model, NAME, "Champion")
    await admin.provider.shares.create(admin.context, "acme")
    await admin.provider.shares.add_model(admin.context, "acme", FullName.parse(NAME))
    await admin.provider.recipients.create_federated(admin.context, "globex")
    policy = NewFederationPolicy(
        issuer=issuer.url, subject_claim="sub", subject=CLIENT, audiences=(AUDIENCE,)
    )
    await admin.provider.federation_policies.create(admin.context, "globex", policy)
    await admin.provider.share_permissions.grant(admin.context, "acme", "globex")


def write_client(path: Path, endpoint: str, issuer: Issuer, secret: str = CLIENT_SECRET) -> Path:
    """Profile that signs in by the client's secret."""
    kind = {"shareCredentialsVersion": 2, "type": "oauth_client_credentials", "endpoint": endpoint}
    client = {"tokenEndpoint": issuer.token_endpoint, "clientId": CLIENT, "clientSecret": secret}
    write_profile(json.dumps(kind | client).encode(), path)
    return path


def load() -> set[int]:
    model: Any = model_sharing.load_model("models:/vendor.ml_team.iris_model@Champion")
    return {int(species) for species in model.predict(FLOWERS)}


async def test_a_model_is_loaded_without_a_secret_of_the_provider(
    admin: AdminClient, endpoint: str, iris_models: list[Path], tmp_path: Path
) -> None:
    port = free_port()
    path = tmp_path / "globex.share"
    with running_issuer(tmp_path, port=port, token_lifetime=SECONDS) as issuer:
        await share_with_the_issuers_client(admin, issuer, iris_models[0])
        write_client(path, endpoint, issuer)
        vendor = await asyncio.to_thread(
            model_sharing.mount, path, share="acme", name="vendor", trust_remote_code=True
        )
        assert await asyncio.to_thread(load) == {0, 1}
        await asyncio.sleep(SECONDS + 1)  # its token has ended
        assert len(await asyncio.to_thread(vendor.list_models)) == 1
        write_client(path, endpoint, issuer, "not-the-secret")
        with pytest.raises(SignInRefused, match="invalid_client"):
            await asyncio.to_thread(vendor.list_models)
        write_client(path, endpoint, issuer)
    with running_issuer(tmp_path, port=port, keys="rotated.json"):
        await asyncio.to_thread(blocking.close)
        vendor = await asyncio.to_thread(model_sharing.catalog, "vendor")
        assert len(await asyncio.to_thread(vendor.list_models)) == 1
        policies = await admin.provider.federation_policies.of_recipient(admin.context, "globex")
        await admin.provider.federation_policies.delete(admin.context, "globex", policies[0].name)
        with pytest.raises(Unauthenticated, match=f"subject '{CLIENT}'"):
            await asyncio.to_thread(vendor.list_models)
