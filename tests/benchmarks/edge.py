"""Costs at the edge of a large deployment: URLs signed for a CDN, and limits of recipients.

    python tests/benchmarks/edge.py

CPU microseconds, the least of five rounds: one URL, and all URLs of a version of 1,000 files, by each kind of
key; a request of a recipient without a limit, and with one that is counted in memory.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from model_sharing_provider.artifacts.cdn.signed_urls import CdnUrls
from model_sharing_provider.domain.cdns import Cdn, CdnHash, CdnKind
from model_sharing_provider.domain.principals import Principal, PrincipalType
from model_sharing_provider.domain.recipient_limits import RecipientLimits
from model_sharing_provider.metastore.database import open_database
from model_sharing_provider.services.recipient_budgets import RecipientBudgets

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.object_stores.cdn_keys import KEY_KINDS

ROUNDS = 5
FILES = 1000
REQUESTS = 20_000
ROOT = "s3://models/prod"
FOLDER = f"{ROOT}/models/{'0' * 36}/versions/{'1' * 36}"


async def least_cpu(work: Callable[[], Awaitable[object]]) -> float:
    """CPU microseconds of the fastest round."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        await work()
        found.append((time.process_time() - began) * 1e6)
    return min(found)


async def signatures() -> None:
    urls = CdnUrls()
    files = [f"{FOLDER}/data/part-{number:05}.safetensors" for number in range(FILES)]
    print(f"{'key':24}{'a URL, us':>12}{f'{FILES:,} of a version, us':>26}")
    for name, kind in KEY_KINDS.items():
        digest = CdnHash(kind.hash or "sha256")
        cdn = Cdn(ROOT, CdnKind(kind.kind), "https://cdn.example", "KEY1", kind.new_key(), digest)

        async def one(cdn: Cdn = cdn) -> None:
            for _ in range(100):
                await urls.sign(cdn, files[:1], 300)

        async def version(cdn: Cdn = cdn) -> None:
            await urls.sign(cdn, files, 300, FOLDER)

        print(f"{name:24}{await least_cpu(one) / 100:12.1f}{await least_cpu(version):26,.0f}")


async def limits(folder: str) -> None:
    database = await open_database(f"sqlite:///{folder}/metastore.db")
    budgets = RecipientBudgets(RecipientLimits(0, 0, 0), database)
    for words, most in (("without a limit", 0), ("with a limit", 10**9)):
        holder = Principal(PrincipalType.RECIPIENT, "1" * 36, "globex", limits=RecipientLimits(most))

        async def ask(holder: Principal = holder) -> None:
            for _ in range(REQUESTS):
                await budgets.spend_request(holder)

        print(f"a request {words}: {await least_cpu(ask) / REQUESTS:.2f} us")
    await database.close()


if __name__ == "__main__":
    asyncio.run(signatures())
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(limits(home))
