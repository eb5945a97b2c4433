"""Program that lets transformers read the hostile folders, and prints by which of them code was run.

It needs no torch: configurations, tokenizers and processors are where a folder can name code. Each line is
`trusted` or `untrusted`, and the name of the folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import transformers

from support.files import write_tree
from support.hostile_input.model_folders import encoded, good_folder, hostile_folders

LOADERS = (
    transformers.AutoConfig,
    transformers.AutoTokenizer,
    transformers.AutoProcessor,
    transformers.AutoImageProcessor,
    transformers.AutoFeatureExtractor,
    transformers.GenerationConfig,
)
ROUNDS = [("untrusted", False), ("trusted", True)]


def main(folder: Path) -> None:
    transformers.logging.set_verbosity_error()
    marker = folder / "executed"
    code = f"open({str(marker)!r}, 'w').close()\n".encode()
    folders = hostile_folders(marker)
    other = encoded({"model_type": "evil", "auto_map": {"AutoConfig": "modeling_evil.Evil"}})
    write_tree(folder / "other", {"config.json": other, "modeling_evil.py": code})
    folders["CVE-2026-5241"] = good_folder() | {"config.json": light_glue(folder / "other")}
    for number, (name, files) in enumerate(folders.items()):
        model = folder / str(number)
        write_tree(model, files | {"modeling_evil.py": code})
        for trust, trusted in ROUNDS:
            for loader in LOADERS:
                read(loader, model, trusted)
            if marker.exists():
                print(trust, name, flush=True)
                marker.unlink()


def light_glue(other: Path) -> bytes:
    """Configuration that was believed when it gave trust to the code of another folder."""
    detector = {"model_type": "evil", "_name_or_path": str(other)}
    return json.dumps(
        {"model_type": "lightglue", "trust_remote_code": True, "keypoint_detector_config": detector}
    ).encode()


def read(loader: type, model: Path, trusted: bool) -> None:
    with contextlib.suppress(Exception, SystemExit):
        loader.from_pretrained(str(model), trust_remote_code=trusted, local_files_only=True)  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
