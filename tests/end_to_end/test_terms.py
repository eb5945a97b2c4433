"""Terms between a real provider and a real recipient: read, accepted, changed, and accepted again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException

import model_sharing
from model_sharing_protocol.errors import TermsNotAccepted
from model_sharing_protocol.profile import write_profile
from model_sharing_provider.domain.securables import SecurableType
from support.admin_client import AdminClient
from support.model_folder import write_model

NAME = "prod.ml_team.scorer"


async def test_a_recipient_agrees_to_what_it_read_and_to_nothing_else(
    admin: AdminClient, endpoint: str, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "one"), NAME)
    await admin.register(write_model(tmp_path / "two", {"model.pkl": b"two"}), NAME)
    profile = tmp_path / "globex.share"
    write_profile(
        (await admin.activate(await admin.share("acme", "globex", NAME), endpoint)).to_json(), profile
    )
    terms = admin.provider.provider_terms
    await terms.set(admin.context, SecurableType.SHARE, "acme", version="1", text="Be fair.")

    with pytest.raises(TermsNotAccepted):
        await asyncio.to_thread(model_sharing.mount, profile, name="vendor")
    (read,) = await asyncio.to_thread(model_sharing.list_terms, profile)
    assert (read.version, read.text) == ("1", "Be fair.")
    mounting = asyncio.to_thread(
        model_sharing.mount, profile, name="vendor", accept_terms=[read.digest], accepted_by="ana"
    )
    catalog = await mounting
    assert (await asyncio.to_thread(catalog.snapshot, "ml_team.scorer/1")).fetched > 0
    (accepted,) = await terms.acceptances(admin.context, "globex")
    assert (accepted.digest, accepted.accepted_by) == (read.digest, "ana")

    await terms.set(admin.context, SecurableType.SHARE, "acme", version="2", text="Be fairer.")
    # By MLflow's own client, too.
    mlflow.set_registry_uri("model-sharing://")
    with pytest.raises(MlflowException, match=r"with: model-sharing terms vendor") as refused:
        await asyncio.to_thread(mlflow.pyfunc.load_model, "models:/vendor.ml_team.scorer/2")
    assert refused.value.error_code == "PERMISSION_DENIED"
    assert (await asyncio.to_thread(catalog.snapshot, "ml_team.scorer/1")).fetched == 0
    (changed,) = await asyncio.to_thread(catalog.list_terms)
    await asyncio.to_thread(catalog.accept_terms, changed.digest)
    assert (await asyncio.to_thread(catalog.snapshot, "ml_team.scorer/2")).fetched > 0
