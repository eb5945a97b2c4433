"""The Python API: documented to the last argument, at home in a notebook, and safe under event loops."""

from __future__ import annotations

import asyncio
import doctest
import inspect
import os
import re
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import pytest

import model_sharing
from model_sharing import Progress
from model_sharing.api import background_loop
from model_sharing.downloads.part_file import RANGE_BYTES
from model_sharing_protocol.errors import InvalidParameter, InvalidState, MissingDependency, NotFound
from support.fake_provider.faults import slowly
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider
from support.files import random_bytes
from support.shared_catalog import shared_catalog_of

NAME = "ml_team.iris_model"
FILES = {"MLmodel": b"flavors: {}\n", "weights.bin": random_bytes(70_000)}
WITH_CALLS = (model_sharing.Catalog, model_sharing.Schema, model_sharing.Records)


@pytest.fixture
def shared(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeProvider:
    fake_provider.publish(NAME, 1, FILES, "Champion")
    fake_provider.folders["volumes", "evaluation.prompts"] = {"one.txt": b"Why?", "more/two.txt": b"How?"}
    fake_provider.folders["skills", "agents.read-pdf"] = {"SKILL.md": b"---\nname: read-pdf\n---\n"}
    return fake_provider


def public_calls() -> dict[str, Callable[..., Any]]:
    """All functions of the package, and all methods of what they give."""
    functions = {name: getattr(model_sharing, name) for name in model_sharing.__all__}
    calls: dict[str, Callable[..., Any]] = {n: f for n, f in functions.items() if inspect.isfunction(f)}
    for kind in WITH_CALLS:
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_") and method.__module__.startswith("model_sharing"):
                calls[f"{kind.__name__}.{name}"] = method
    return calls


def test_all_of_it_is_looked_at() -> None:
    assert {"load_model", "pull", "Catalog.snapshot", "Schema.list_models", "Records.to_frame"} <= set(
        public_calls()
    )
    for name in model_sharing.__all__:
        assert name == "__version__" or (getattr(model_sharing, name).__doc__ or "").strip(), name


@pytest.mark.parametrize("name", public_calls())
def test_each_call_documents_arguments_answer_errors_and_an_example(name: str) -> None:
    call = public_calls()[name]
    doc = inspect.getdoc(call) or ""
    sections = dict(re.findall(r"^(Args|Returns|Raises|Example):\n((?:(?: .*)?\n?)+)", doc, re.MULTILINE))
    arguments = [argument for argument in inspect.signature(call).parameters if argument != "self"]
    assert set(sections) == {"Returns", "Raises", "Example", *(["Args"] if arguments else [])}
    documented = re.findall(r"^    (\w+): ", sections.get("Args", ""), re.MULTILINE)
    assert documented == arguments
    assert ">>> " in sections["Example"]
    from model_sharing_protocol import errors

    raised = re.findall(r"^    (\w+): ", sections["Raises"], re.MULTILINE)
    assert raised
    assert all(issubclass(getattr(errors, error), model_sharing.SharingError) for error in raised)


def examples() -> Iterator[doctest.DocTest]:
    finder = doctest.DocTestFinder(recurse=False)
    calls = public_calls() | {kind.__name__: kind for kind in (*WITH_CALLS, model_sharing.AsyncCatalog)}
    for name, call in calls.items():
        yield from finder.find(call, name, globs={})


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize(
    "example", [each for each in examples() if each.examples], ids=lambda each: each.name
)
def test_the_examples_are_true(
    example: doctest.DocTest,
    vendor: model_sharing.Catalog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    example.globs = {"model_sharing": model_sharing, "catalog": vendor, "asyncio": asyncio}
    failed, _ = doctest.DocTestRunner().run(example)
    assert failed == 0, capsys.readouterr().out


def test_the_version_is_the_installed_one() -> None:
    assert model_sharing.__version__ == installed_version("model-sharing")
    assert "__version__" in dir(model_sharing)


def test_mounts_are_listed_and_stay_a_function(vendor: model_sharing.Catalog, profile: Path) -> None:
    model_sharing.mount(profile, share=SHARE, name="another")
    assert [mount.name for mount in model_sharing.mounts()] == ["another", "vendor"]
    (_, mounted) = model_sharing.mounts()
    assert mounted == vendor.mount
    assert mounted.mounted_at.tzinfo is UTC
    assert abs((datetime.now(UTC) - mounted.mounted_at).total_seconds()) < 60
    assert callable(model_sharing.mounts)


@pytest.mark.usefixtures("shared")
def test_times_have_a_zone(vendor: model_sharing.Catalog) -> None:
    moment = datetime.fromtimestamp(1_700_000_000, UTC)
    assert vendor.get_model(NAME).updated_at == moment
    assert vendor.resolve(f"{NAME}/1").created_at == moment
    assert [version.created_at for version in vendor.list_versions(NAME)] == [moment]


@pytest.mark.usefixtures("shared")
def test_a_catalog_is_looked_around_in_by_name(
    vendor: model_sharing.Catalog, fake_provider: FakeProvider
) -> None:
    assert list(vendor) == vendor._ipython_key_completions_() == ["ml_team"]
    schema = vendor["ML_Team"]
    assert (schema.name, schema.full_name, repr(schema)) == (
        "ml_team",
        "vendor.ml_team",
        "Schema('vendor.ml_team')",
    )
    assert list(schema) == schema._ipython_key_completions_() == ["iris_model"]
    assert schema["Iris_Model"] == vendor.get_model(NAME)
    assert "ml_team" in vendor and "iris_model" in schema
    assert "nothing" not in vendor and "nothing" not in schema and 1 not in schema
    with pytest.raises(NotFound, match="It has: ml_team"):
        vendor["nothing"]
    with pytest.raises(NotFound):
        schema["nothing"]
    fake_provider.requests.clear()
    assert vendor and schema  # whether there is one costs no request
    assert not hasattr(vendor, "shape")
    assert fake_provider.requests == []


def test_what_is_shown_is_text_whatever_others_wrote(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish(NAME, 1, FILES, "Champion")
    fake_provider.models[NAME].message = lambda name: {  # type: ignore[method-assign]
        "name": "iris_model",
        "schema": "ml_team",
        "share": SHARE,
        "comment": "<script>alert(1)</script>\x1b[2J",
        "aliases": {"Champion": 1},
        "tags": {"<b>": "&"},
    }
    for page in (vendor._repr_html_(), vendor["ml_team"]._repr_html_(), vendor.list_models()._repr_html_()):
        assert "vendor.ml_team.iris_model" in page
        assert "<script" not in page and "&lt;script&gt;" in page and "\x1b" not in page
    assert "&lt;b&gt;: &amp;" in vendor.list_models()._repr_html_()


def test_what_cannot_be_shown_is_said_rather_than_raised(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.stop()
    assert "error" in vendor._repr_html_()
    assert vendor._ipython_key_completions_() == []


def test_only_the_first_rows_are_shown(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> None:
    for number in range(103):
        fake_provider.publish(f"ml_team.model{number:03}", 1, FILES)
    for page in (vendor._repr_html_(), vendor.list_models()._repr_html_()):
        assert page.count("<tr>") == 101
        assert "and 3 more" in page


@pytest.mark.usefixtures("shared")
def test_listings_become_frames(vendor: model_sharing.Catalog, fake_provider: FakeProvider) -> None:
    fake_provider.publish("ml_team.empty", 1, FILES)
    fake_provider.models["ml_team.empty"].versions.clear()
    frame = vendor.list_models().to_frame()
    assert list(frame["full_name"]) == ["vendor.ml_team.empty", "vendor.ml_team.iris_model"]
    assert str(frame["latest_version"].dtype) == "Int64"
    assert str(frame["updated_at"].dtype).endswith("UTC]")
    assert list(vendor.list_versions(NAME).to_frame()["version"]) == [1]
    assert list(model_sharing.mounts().to_frame()["name"]) == ["vendor"]
    assert "version" in vendor.list_versions("ml_team.empty").to_frame().columns


@pytest.mark.usefixtures("shared")
def test_without_pandas_that_is_said(vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependency, match="pip install"):
        vendor.list_models().to_frame()


@pytest.mark.parametrize("wrong", [{"jobs": 0}, {"jobs": 65}, {"limit_rate": 0}, {"limit_rate": -1}])
def test_no_download_goes_on_like_that(vendor: model_sharing.Catalog, wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidParameter):
        vendor.with_limits(**wrong)
    with pytest.raises(InvalidParameter):
        model_sharing.AsyncCatalog("vendor", **wrong)


async def all_of_it(folder: Path) -> None:
    """Each call of an AsyncCatalog once, some of them at the same time."""
    async with model_sharing.AsyncCatalog("vendor", jobs=2) as catalog:
        assert (catalog.name, catalog.mount.share) == ("vendor", SHARE)
        schemas, models, versions = await asyncio.gather(
            catalog.list_schemas(), catalog.list_models(), catalog.list_versions(NAME)
        )
        assert schemas == ["ml_team"]
        assert models == [await catalog.get_model(NAME)]
        assert versions == [await catalog.resolve(f"{NAME}@Champion")]
        seen: list[Progress] = []
        snapshot = await catalog.snapshot(f"{NAME}/1", progress=seen.append)
        assert seen[-1] == Progress(
            "done", snapshot.manifest.size, snapshot.manifest.size, 2, 2, snapshot.reused
        )
        assert "fetching" in [now.phase for now in seen] or snapshot.fetched == 0
        catalog.release(snapshot)
        downloaded = await catalog.download(f"{NAME}/1", folder)
        assert await catalog.verify(f"{NAME}/1", downloaded.path) == 2


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_an_async_catalog_does_what_a_catalog_does(tmp_path: Path, loop: str) -> None:
    if loop == "uvloop":
        import uvloop

        uvloop.run(all_of_it(tmp_path / "out"))
    else:
        asyncio.run(all_of_it(tmp_path / "out"))


@pytest.mark.usefixtures("shared")
def test_each_thread_has_a_loop_and_a_catalog_of_its_own(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            asyncio.run(all_of_it(tmp_path / str(number)))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


@pytest.mark.usefixtures("shared")
async def test_blocking_calls_work_where_a_loop_runs(vendor: model_sharing.Catalog) -> None:
    assert vendor.list_schemas() == ["ml_team"]
    async with model_sharing.AsyncCatalog("vendor") as catalog:
        assert await catalog.list_schemas() == vendor.list_schemas()


@pytest.mark.usefixtures("shared")
async def test_what_belongs_to_another_loop_is_refused(vendor: model_sharing.Catalog) -> None:
    vendor.list_schemas()
    works = [
        shared_catalog_of(vendor).list_schemas(),
        shared_catalog_of(vendor).list_models(),
        shared_catalog_of(vendor).get_model(NAME),
        shared_catalog_of(vendor).list_versions(NAME),
        shared_catalog_of(vendor).resolve(f"{NAME}/1"),
        shared_catalog_of(vendor).snapshot(f"{NAME}/1"),
        shared_catalog_of(vendor).list_files(f"{NAME}/1"),
    ]
    for work in works:
        with pytest.raises(InvalidState, match=r"another event loop.*AsyncCatalog"):
            await work
    assert vendor.list_schemas() == ["ml_team"]


@pytest.mark.usefixtures("shared")
async def test_an_async_catalog_is_open_in_its_block_only() -> None:
    catalog = model_sharing.AsyncCatalog("vendor")
    with pytest.raises(InvalidState, match="not open"):
        await catalog.list_schemas()
    async with catalog:
        with pytest.raises(InvalidState, match="open already"):
            await catalog.__aenter__()
        with pytest.raises(InvalidState, match="another event loop"):
            await asyncio.to_thread(lambda: asyncio.run(catalog.list_schemas()))
        assert await catalog.list_schemas() == ["ml_team"]
    with pytest.raises(InvalidState, match="not open"):
        await catalog.list_schemas()
    async with catalog:
        assert await catalog.list_schemas() == ["ml_team"]
    with pytest.raises(NotFound):
        model_sharing.AsyncCatalog("nothing")


async def test_a_cancelled_download_stops_and_keeps_what_came(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    large = random_bytes(2 * RANGE_BYTES)
    fake_provider.publish(NAME, 1, {"weights.bin": large})
    fake_provider.default_fault = slowly(0.05)
    async with model_sharing.AsyncCatalog("vendor") as catalog:
        begun = asyncio.Event()

        def told(now: Progress) -> None:
            if now.bytes_done:
                begun.set()

        task = asyncio.create_task(catalog.snapshot(f"{NAME}/1", progress=told))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not [thread for thread in threading.enumerate() if "model-sharing-f" in thread.name]
        fake_provider.default_fault = None
        assert (await catalog.snapshot(f"{NAME}/1")).reused > 0


@pytest.mark.usefixtures("shared")
async def test_what_an_async_callback_raises_ends_the_download() -> None:
    def stop(now: Progress) -> None:
        raise ZeroDivisionError

    async with model_sharing.AsyncCatalog("vendor") as catalog:
        with pytest.raises(ZeroDivisionError):
            await catalog.snapshot(f"{NAME}/1", progress=stop)
        assert len(asyncio.all_tasks()) == 1
        assert (await catalog.snapshot(f"{NAME}/1")).folder.is_dir()


@pytest.mark.usefixtures("shared")
def test_a_forked_child_has_a_background_of_its_own(vendor: model_sharing.Catalog) -> None:
    vendor.list_schemas()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            asyncio.run(_resolve())
            code = 0 if vendor.list_schemas() == ["ml_team"] else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert vendor.list_schemas() == ["ml_team"]


@pytest.mark.usefixtures("shared")
def test_a_fork_as_a_call_begins_closes_nothing_that_it_uses(vendor: model_sharing.Catalog) -> None:
    vendor.list_schemas()

    def begin() -> Coroutine[Any, Any, list[str]]:
        shared = shared_catalog_of(vendor)
        background_loop._close_before_fork()
        return shared.list_schemas()

    assert background_loop.run(begin) == ["ml_team"]


async def _resolve() -> None:
    async with model_sharing.AsyncCatalog("vendor") as catalog:
        assert (await catalog.resolve(f"{NAME}@Champion")).version == 1
