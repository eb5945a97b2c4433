"""A catalog that is made from a share, for clients that nobody here wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from model_sharing_provider.configuration.settings import Settings
from support.object_stores.servers import bucket_url
from support.processes.provider import LOOPBACK
from support.sklearn_models import save_iris_models
from support.two_metastores import TwoMetastores, two_metastores


@pytest.fixture(scope="module", params=["SQLite and a folder", "two servers, PostgreSQL and a bucket"])
def metastores(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TwoMetastores]:
    """Acme's metastore and Globex's, which knows Acme as a provider; no catalog is made yet."""
    folder = tmp_path_factory.mktemp("metastores")
    models = save_iris_models(folder / "trained")
    settings, servers = Settings(folder / "globex", allowed_provider_networks=LOOPBACK), 1
    with ExitStack() as stack:
        if "bucket" in request.param:
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            settings = Settings(
                folder / "globex",
                postgresql_url=stack.enter_context(request.getfixturevalue("postgres").database()),
                artifact_root=bucket_url("s3", request.getfixturevalue("s3"), patch),
                allowed_provider_networks=LOOPBACK,
            )
            servers = 2
        yield stack.enter_context(two_metastores(folder, models, settings, servers=servers))
