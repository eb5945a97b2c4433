"""Index of sharded weights: a JSON file that names the shard of each tensor, which loaders open unasked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from model_sharing.policy.finding import Finding
from model_sharing.policy.model_files import ModelFiles, folder_of


def index_findings(files: ModelFiles, path: str, index: Any) -> Iterator[Finding]:
    """Findings about an index: shards that are not safetensors files beside it."""
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(shards, dict):
        yield Finding.of_file(path, "is not an index of weights")
        return
    for shard in sorted({str(shard) for shard in shards.values()}):
        if "/" in shard or folder_of(path) + shard not in files.sizes:
            yield Finding.of_file(
                path, f"has weights in {shard[:80]!r}, which is not a file beside it", elsewhere=True
            )
        elif not shard.endswith(".safetensors"):
            yield Finding.of_file(path, f"has weights in {shard[:80]!r}, which are not safetensors")
