"""First byte of the explorer's pages at 100,000 models, beside the REST call that shows the same."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
from aiohttp.test_utils import TestServer
from rich.table import Table
from side_by_side import console, machine

sys.path.insert(0, str(Path(__file__).parents[1]))

from model_sharing_protocol.unity_catalog import PREFIX
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.faces.application import make_app
from support.admin_client import AdminClient
from support.bulk_insert import model_name
from support.explorer_client import new_browser
from support.large_metastore import SCHEMA, fill

PAGES = {
    "home": ("/explorer", f"{PREFIX}/catalogs"),
    "catalogs": ("/explorer/catalogs", f"{PREFIX}/catalogs?max_results=50"),
    "schema": (
        f"/explorer/schemas/{SCHEMA}",
        f"{PREFIX}/models?catalog_name={SCHEMA.catalog}&schema_name={SCHEMA.schema}&max_results=50",
    ),
    "model": (
        f"/explorer/models/{SCHEMA}.{model_name(777)}",
        f"{PREFIX}/models/{SCHEMA}.{model_name(777)}/versions?max_results=50",
    ),
    "version": (
        f"/explorer/models/{SCHEMA}.{model_name(777)}/versions/2",
        f"{PREFIX}/models/{SCHEMA}.{model_name(777)}/versions/2",
    ),
    "search": (
        f"/explorer/search?q={model_name(777)[:-2]}",
        "/api/2.0/mlflow/unity-catalog/registered-models/search?max_results=50",
    ),
    "share": ("/explorer/shares/everything", f"{PREFIX}/shares/everything?include_shared_data=true"),
    "recipient": ("/explorer/recipients/globex", f"{PREFIX}/recipients/globex"),
    "audit": ("/explorer/audit", f"{PREFIX}/recipients"),
}


async def milliseconds(session: aiohttp.ClientSession, url: str) -> float:
    """Time to the first byte, after the whole response of the one before."""
    started = time.perf_counter()
    async with session.get(url, headers={"Accept": "text/html, application/json"}) as answer:
        took = (time.perf_counter() - started) * 1000
        await answer.read()
        assert answer.status == 200, (url, answer.status)
    return took


async def compare(models: int, versions: int, times: int) -> None:
    with tempfile.TemporaryDirectory(prefix="model-sharing-bench-") as text:
        folder = Path(text)
        settings = Settings(folder / "provider", max_calls=0)
        async with open_provider(settings) as provider, TestServer(make_app(provider)) as server:
            await fill(AdminClient.of(provider), settings.database_url, folder / "real", models, versions)
            token = settings.admin_token_path.read_text()
            assert isinstance(server, TestServer)
            browser = new_browser(server)
            await browser.sign_in(token)
            headers = {"Authorization": f"Bearer {token}"}
            async with browser.session, aiohttp.ClientSession(headers=headers) as api:
                table = Table(title=f"{models:,} models: ms to the first byte, medians of {times}", box=None)
                for column in ("page", "explorer", "REST", "ratio"):
                    table.add_column(column, justify="right" if column != "page" else "left")
                for name, (page, call) in PAGES.items():
                    pairs = [
                        (
                            await milliseconds(browser.session, str(server.make_url(page))),
                            await milliseconds(api, str(server.make_url(call))),
                        )
                        for _ in range(times + 1)
                    ][1:]
                    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
                    table.add_row(name, f"{ours:.1f}", f"{theirs:.1f}", f"{ours / theirs:.2f}")
                console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=100_000)
    parser.add_argument("--versions", type=int, default=2, help="of each model")
    parser.add_argument("--times", type=int, default=30)
    given = parser.parse_args()
    console.print(machine())
    asyncio.run(compare(given.models, given.versions, given.times))


if __name__ == "__main__":
    main()
