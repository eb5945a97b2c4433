"""In a real Jupyter kernel, without ipywidgets: progress, tables, and completion by Tab."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import model_sharing
from model_sharing.downloads.part_file import RANGE_BYTES
from support.fake_provider.faults import slowly
from support.fake_provider.server import FakeProvider
from support.files import random_bytes
from support.patience import PATIENCE

FILES = {"MLmodel": b"flavors: {}\n", "weights.bin": random_bytes(RANGE_BYTES // 2)}


class Kernel:
    """Runs cells in a kernel of its own; what each displays comes back."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def run(self, cell: str) -> list[tuple[str, dict[str, Any]]]:
        """The kind and content of each message to the notebook."""
        seen: list[tuple[str, dict[str, Any]]] = []
        reply = self._client.execute_interactive(
            cell,
            timeout=PATIENCE,
            output_hook=lambda message: seen.append((message["msg_type"], message["content"])),
        )
        assert reply["content"]["status"] == "ok", reply["content"]
        return seen

    def complete(self, typed: str) -> list[str]:
        found: list[str] = self._client.complete(typed, reply=True, timeout=PATIENCE)["content"]["matches"]
        return found


@pytest.fixture
def kernel(vendor: model_sharing.Catalog) -> Iterator[Kernel]:
    """A kernel in which `vendor` is mounted, and loaded as `catalog`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Jupyter's own packages do as they are imported
        from jupyter_client.manager import start_new_kernel

        manager, client = start_new_kernel(kernel_name="python3", startup_timeout=PATIENCE)
        try:
            found = Kernel(client)
            found.run("import model_sharing\ncatalog = model_sharing.catalog('vendor')")
            yield found
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def test_a_download_shows_one_bar_that_moves(
    fake_provider: FakeProvider, kernel: Kernel, tmp_path: Path
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, FILES, "Champion")
    fake_provider.default_fault = slowly(0.05)
    seen = kernel.run(f"_ = catalog.download('ml_team.iris_model@Champion', {str(tmp_path / 'out')!r})")
    shown = [(kind, found["data"]) for kind, found in seen if "display_data" in kind]
    assert [kind for kind, _ in shown][:2] == ["display_data", "update_display_data"]
    assert [kind for kind, _ in shown].count("display_data") == 1
    assert "<progress" in shown[0][1]["text/html"]
    assert shown[-1][1]["text/plain"].startswith("done: 8.0 MiB of 8.0 MiB, 2 of 2 files")
    assert not [found for kind, found in seen if kind in {"stream", "error"}]
    kernel.run("import sys; assert 'ipywidgets' not in sys.modules")


def test_what_is_here_already_shows_no_bar(fake_provider: FakeProvider, kernel: Kernel) -> None:
    fake_provider.publish("ml_team.iris_model", 1, FILES, "Champion")
    kernel.run("catalog.snapshot('ml_team.iris_model/1', progress=False)")
    seen = kernel.run("_ = catalog.snapshot('ml_team.iris_model/1')")
    assert not [kind for kind, _ in seen if "display_data" in kind]


def test_a_catalog_is_a_table_and_completes_by_tab(fake_provider: FakeProvider, kernel: Kernel) -> None:
    fake_provider.publish("ml_team.iris_model", 1, FILES, "Champion")
    (page,) = [
        found["data"]["text/html"] for kind, found in kernel.run("catalog") if kind == "execute_result"
    ]
    assert "vendor.ml_team.iris_model" in page
    assert any("ml_team" in match for match in kernel.complete("catalog['"))
    kernel.run("schema = catalog['ml_team']")
    assert any("iris_model" in match for match in kernel.complete("schema['"))


def test_code_that_awaits_runs_on_the_kernels_own_loop(fake_provider: FakeProvider, kernel: Kernel) -> None:
    fake_provider.publish("ml_team.iris_model", 1, FILES, "Champion")
    kernel.run(
        "async with model_sharing.AsyncCatalog('vendor') as opened:\n"
        "    assert (await opened.snapshot('ml_team.iris_model@Champion')).version.version == 1\n"
        "assert catalog.resolve('ml_team.iris_model@Champion').version == 1"
    )
