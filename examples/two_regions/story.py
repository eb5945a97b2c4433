"""A catalog from a share: a model crosses to another region once, and everybody there loads it as their own.

    python examples/two_regions/story.py        (or: make demo-two-regions)

Acme's metastore and Globex's are 80 ms apart, by a link that counts what crosses and can be cut. Ana and Ben
work at Globex with the MLflow that they have, pointed at Globex's own server. The table at the end is
measured; the exit code is 1 if anything in it is not as promised.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from forests import TREES, train
from link import Link
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from demo import Company, chapter, console, served
from regions import ABROAD, AT_HOME, PROVIDER, Regions, Scientist

CHAMPION = f"models:/{ABROAD}@Champion"
IDLE_SECONDS = 10


@dataclass(frozen=True)
class Finding:
    """Promise, and what was measured of it."""

    promise: str
    measured: str
    holds: bool


@contextmanager
def two_regions(folder: Path) -> Iterator[Regions]:
    """Both servers, each with a home of its own; Acme's is known abroad by the link's address alone."""
    with Link(delay_ms=80) as link:
        public = {"MODEL_SHARING_PROVIDER_PUBLIC_URL": link.url}
        allowed = {"MODEL_SHARING_PROVIDER_ALLOWED_PROVIDER_NETWORKS": "127.0.0.0/8"}
        acme = Company("acme", "blue", folder / "acme", "MODEL_SHARING_PROVIDER_HOME", public)
        globex = Company("globex", "green", folder / "globex", "MODEL_SHARING_PROVIDER_HOME", allowed)
        for company in (acme, globex):
            company.folder.mkdir()
        with served(acme) as home, served(globex) as abroad:
            link.target = int(home.rpartition(":")[2])
            console.print(f"  between them: {link.url}, 80 ms a round trip")
            yield Regions(acme, home, globex, abroad, link)


def share(acme: Company) -> str:
    """Register the first version, share its schema with Globex; the activation link."""
    acme.run(PROVIDER, "catalog", "create", "prod")
    acme.run(PROVIDER, "schema", "create", "prod.ml_team")
    acme.run(PROVIDER, "model", "register", "forest_v1", AT_HOME, "--alias", "Champion")
    acme.run(PROVIDER, "share", "create", "acme_share")
    acme.run(PROVIDER, "share", "add-schema", "acme_share", "prod.ml_team")
    link = acme.run(PROVIDER, "recipient", "create", "globex", "--expires-in", "90d")
    acme.run(PROVIDER, "share", "grant", "acme_share", "globex")
    return link


def make_catalog(globex: Company, activation_link: str) -> None:
    """Make the share a catalog, once for everybody at Globex."""
    globex.run("model-sharing", "activate", activation_link, "acme.share")
    globex.run(PROVIDER, "provider", "create", "acme", "--profile", "acme.share")
    globex.run(PROVIDER, "provider", "shares", "acme")
    globex.run(PROVIDER, "catalog", "create", "vendor", "--provider", "acme", "--share", "acme_share")


def first_loads(regions: Regions, ana: Scientist, ben: Scientist, size: int) -> Iterator[Finding]:
    """Two colleagues load the same version, one after the other."""
    before = regions.link.traffic
    ana.load(CHAMPION)
    crossed = regions.link.traffic.since(before).artifact_bytes()
    yield Finding(
        "The first load crosses once",
        f"{crossed:,} bytes, of a model of {size:,}",
        0.98 * size < crossed < 1.02 * size,
    )
    before = regions.link.traffic
    ben.load(CHAMPION)
    crossed = regions.link.traffic.since(before).artifact_bytes()
    yield Finding("A colleague's load crosses 0 artifact bytes", f"{crossed:,} bytes", crossed == 0)


def new_champion(regions: Regions, ana: Scientist, size: int) -> Iterator[Finding]:
    """A fine-tuned version becomes the champion."""
    regions.acme.run(PROVIDER, "model", "register", "forest_v2", AT_HOME)
    before = regions.link.traffic
    regions.move_champion(2)
    noticed = regions.wait_for_champion(2)
    loaded = ana.load(CHAMPION)
    yield Finding(
        "An alias moved at home is loaded abroad within 5 s",
        f"there after {noticed:.1f} s, loaded after {noticed + loaded['seconds']:.1f} s",
        noticed + loaded["seconds"] < 5 and loaded["trees"] == TREES[1],
    )
    crossed = regions.link.traffic.since(before).artifact_bytes()
    yield Finding(
        "A fine-tuned version crosses as what changed",
        f"{crossed:,} bytes, of a model of {size:,}",
        0 < crossed < size / 4,
    )


def idle(regions: Regions) -> Finding:
    """Nobody works; both servers wait for what happens next."""
    console.print(f"  {IDLE_SECONDS} s pass")
    before = regions.link.traffic
    time.sleep(IDLE_SECONDS)
    requests = regions.link.traffic.since(before).requests
    asked = ", ".join(f"{count} of {path.rpartition('/')[2]}" for path, count in requests.items())
    polls = sum(count for path, count in requests.items() if "/models/" in path)
    return Finding("Nobody polls each model", f"requests in {IDLE_SECONDS} s: {asked or 'none'}", not polls)


def cut_link(regions: Regions, ana: Scientist, ben: Scientist) -> Iterator[Finding]:
    """The link is cut, and comes back."""
    console.print("  the link is cut")
    regions.link.cut()
    loads = [ana.load(CHAMPION), ben.load(f"models:/{ABROAD}/1")]
    regions.globex.run(PROVIDER, "catalog", "show", "vendor")
    yield Finding(
        "With the link cut, what was loaded before is loaded",
        ", ".join(f"{load['trees']} trees in {load['seconds']:.1f} s" for load in loads),
        [load["trees"] for load in loads] == [TREES[1], TREES[0]],
    )
    regions.move_champion(1)
    console.print("  the link is back")
    regions.link.restore()
    noticed = regions.wait_for_champion(1)
    yield Finding("With the link back, it catches up by itself", f"after {noticed:.1f} s", noticed < 60)


def tell(regions: Regions, sizes: list[int]) -> Iterator[Finding]:
    chapter("2  Acme registers the model and shares it")
    activation_link = share(regions.acme)
    chapter("3  Globex makes the share a catalog of its own metastore")
    make_catalog(regions.globex, activation_link)
    chapter("4  Two data scientists at Globex may use it, with the MLflow that they have")
    with regions.scientist("ana") as ana, regions.scientist("ben") as ben:
        yield from first_loads(regions, ana, ben, sizes[0])
        chapter("5  Acme trains on, and moves the alias")
        yield from new_champion(regions, ana, sizes[1])
        yield idle(regions)
        chapter("6  The link between the regions is cut")
        yield from cut_link(regions, ana, ben)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="model-sharing-regions-") as name:
        folder = Path(name)
        chapter("1  Two regions, a metastore in each")
        with two_regions(folder) as regions:
            folders = train(regions.acme.folder)
            sizes = [sum(file.stat().st_size for file in each.iterdir()) for each in folders]
            findings = list(tell(regions, sizes))
    console.print()
    table = Table("", "measured", "", box=None)
    for finding in findings:
        table.add_row(
            finding.promise, finding.measured, "[green]holds" if finding.holds else "[bold red]DOES NOT HOLD"
        )
    console.print(table)
    sys.exit(0 if all(finding.holds for finding in findings) else 1)


if __name__ == "__main__":
    main()
