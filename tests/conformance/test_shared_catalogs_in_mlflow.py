"""An unmodified MLflow at a recipient's server: shared models are loaded and copied, and cannot be changed.

Told twice: over MLflow's registry protocol, and over its native store.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from model_sharing_protocol.names import FullName
from support.admin_client import AdminClient
from support.processes.notebook import CellFailed, Notebook, notebook
from support.processes.provider import MODEL, SHARE
from support.two_metastores import ABROAD, TwoMetastores

FAST_SECONDS = 60  # clients try again for minutes what they take for a failure that passes
COMES_FROM = re.compile(rf"comes from share '?{SHARE}'? of provider '?acme'?.*copy", re.DOTALL)
WRITES = (
    'client.create_registered_model("vendor.ml_team.another")',
    f'client.create_model_version("{ABROAD}", source="trained")',
    f'client.update_registered_model("{ABROAD}", description="ours")',
    f'client.rename_registered_model("{ABROAD}", "vendor.ml_team.ours")',
    f'client.delete_registered_model("{ABROAD}")',
    f'client.set_registered_model_tag("{ABROAD}", "stage", "test")',
    f'client.delete_registered_model_tag("{ABROAD}", "stage")',
    f'client.set_registered_model_alias("{ABROAD}", "Champion", 1)',
    f'client.delete_registered_model_alias("{ABROAD}", "Champion")',
    f'client.update_model_version("{ABROAD}", "1", description="ours")',
    f'client.set_model_version_tag("{ABROAD}", "1", "stage", "test")',
    f'client.delete_model_version_tag("{ABROAD}", "1", "stage")',
    f'client.delete_model_version("{ABROAD}", "1")',
)
START = """
import mlflow, numpy, pandas
from sklearn.datasets import load_iris
mlflow.set_registry_uri("databricks-uc")
client = mlflow.MlflowClient()
flowers = load_iris(as_frame=True).data.iloc[[0, 75, 149]]
"""
TRAIN = """
from sklearn.tree import DecisionTreeClassifier
x, y = load_iris(return_X_y=True, as_frame=True)
mlflow.sklearn.save_model(
    DecisionTreeClassifier().fit(x, y),
    "trained",
    input_example=x.head(1),
    pip_requirements=["scikit-learn"],
    serialization_format="cloudpickle",
)
"""


@pytest.fixture(scope="module")
def shared(metastores: TwoMetastores) -> TwoMetastores:
    """The catalog is there, and ana may load from it and write to a catalog of her own."""
    metastores.add_provider()
    metastores.create_catalog()
    return metastores


@pytest.fixture(scope="module", params=["false", "true"], ids=["registry protocol", "native store"])
def book(
    shared: TwoMetastores, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Notebook]:
    """The administrator's notebook at the last of Globex's servers."""
    folder = tmp_path_factory.mktemp("notebook")
    environment = {
        "DATABRICKS_HOST": shared.globex[-1].url,
        "DATABRICKS_TOKEN": shared.settings.admin_token_path.read_text(),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/runs.db",
        "MLFLOW_ENABLE_UC_NATIVE_MODEL_REGISTRY": request.param,
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }
    with notebook(folder, environment) as opened:
        opened.run(START)
        opened.run(TRAIN)
        yield opened


def test_it_is_loaded_by_alias_and_by_number(book: Notebook) -> None:
    for ref, species in (("@Champion", [0, 1, 2]), ("/2", [0, 1, 2]), ("/1", [0, 1, 1])):
        assert (
            book.value(f'mlflow.pyfunc.load_model("models:/{ABROAD}{ref}").predict(flowers).tolist()')
            == species
        )


def test_it_is_found(book: Notebook) -> None:
    assert ABROAD in book.value("[model.name for model in client.search_registered_models()]")
    found = f"client.search_model_versions(\"name='{ABROAD}'\")"
    assert sorted(book.value(f"[int(each.version) for each in {found}]")) == [1, 2]
    assert int(book.value(f'client.get_model_version_by_alias("{ABROAD}", "Champion").version')) == 2


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.partition("(")[0].removeprefix("client."))
def test_each_write_is_refused_at_once_and_by_name(book: Notebook, write: str) -> None:
    started = time.perf_counter()
    with pytest.raises(CellFailed) as refusal:
        book.run(write)
    assert time.perf_counter() - started < FAST_SECONDS
    assert COMES_FROM.search(str(refusal.value)), str(refusal.value)


def test_stages_are_refused(book: Notebook) -> None:
    with pytest.raises(CellFailed):
        book.run(f'client.transition_model_version_stage("{ABROAD}", "1", "Production")')


def test_it_is_copied_without_crossing_again_and_says_where_it_came_from(
    shared: TwoMetastores, book: Notebook
) -> None:
    catalog = f"prod_{uuid4().hex[:8]}"
    own = f"{catalog}.ml_team.adopted"

    async def create(admin: AdminClient) -> None:
        await admin.provider.catalogs.create(admin.context, catalog)
        await admin.provider.catalogs.create_schema(admin.context, FullName.parse(own).schema_name)

    shared.at_globex(create)
    before = shared.link.traffic
    book.run(f'client.copy_model_version("models:/{ABROAD}@Champion", "{own}")')
    assert shared.link.traffic.since(before).artifact_bytes() == 0
    book.run(f'client.set_registered_model_alias("{own}", "Ours", 1)')
    loaded = f'mlflow.pyfunc.load_model("models:/{own}@Ours").predict(flowers).tolist()'
    assert book.value(loaded) == [0, 1, 2]

    async def origin(admin: AdminClient) -> tuple[str, str, str, int | None]:
        version = await admin.provider.versions.get(admin.context, FullName.parse(own), 1)
        return version.origin_provider, version.origin_share, version.origin_model, version.origin_version

    assert shared.at_globex(origin) == ("acme", SHARE, MODEL.partition(".")[2], 2)
