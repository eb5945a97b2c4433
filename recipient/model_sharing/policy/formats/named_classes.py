"""Files in which a library finds the names of classes to import: diffusers and sentence-transformers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from model_sharing.policy.finding import Finding

# Modules of diffusers.pipelines that save_pretrained names beside the two libraries.
_DIFFUSERS_LIBRARIES = frozenset(
    {
        "diffusers",
        "transformers",
        "stable_diffusion",
        "stable_diffusion_safe",
        "deepfloyd_if",
        "latent_diffusion",
    }
    | {"paint_by_example", "unidiffuser", "audioldm2", "kandinsky", "musicldm", "wuerstchen", "shap_e"}
)
_CLASS = re.compile(r"[A-Z]\w*")
_MODULE = re.compile(r"sentence_transformers(?:\.[a-z_]\w*)*\.[A-Z]\w*")
_FOLDER = re.compile(r"(?:[\w-][\w.-]*)?")


def pipeline_findings(path: str, index: Any) -> Iterator[Finding]:
    """Findings about `model_index.json`, where diffusers has the libraries and classes of components."""
    if not isinstance(index, dict):
        yield Finding.of_file(path, "is not the index of a pipeline")
        return
    name = index.get("_class_name")
    if not (isinstance(name, str) and _CLASS.fullmatch(name)):
        yield Finding.of_file(path, f"has the pipeline {str(name)[:80]!r}, not a class of diffusers")
    for component, named in index.items():
        if component.startswith("_") or not isinstance(named, list) or named[:2] == [None, None]:
            continue
        library, name = [*named, None, None][:2]
        is_class = isinstance(name, str) and _CLASS.fullmatch(name)
        if not is_class or str(library) not in _DIFFUSERS_LIBRARIES:
            yield Finding.of_file(
                path,
                f"takes {component[:80]!r} from {str(named[:2])[:80]}, outside diffusers and transformers",
            )


def modules_findings(path: str, modules: Any) -> Iterator[Finding]:
    """Findings about `modules.json`, from which sentence-transformers imports the classes of its modules."""
    listed = modules if isinstance(modules, list) else [modules]
    for module in listed:
        kind = module.get("type") if isinstance(module, dict) else module
        if not (isinstance(kind, str) and _MODULE.fullmatch(kind)):
            yield Finding.of_file(path, f"imports {str(kind)[:80]!r}, which is not of sentence_transformers")
        elif not _FOLDER.fullmatch(str(module.get("path", ""))):
            yield Finding.of_file(path, f"loads the folder {str(module['path'])[:80]!r}", elsewhere=True)


def router_findings(path: str, router: Any) -> Iterator[Finding]:
    """Findings about `router_config.json`, where sentence-transformers has the classes of its parts."""
    types = router.get("types") if isinstance(router, dict) else router
    for kind in types.values() if isinstance(types, dict) else [types]:
        if not (isinstance(kind, str) and _MODULE.fullmatch(kind)):
            yield Finding.of_file(path, f"imports {str(kind)[:80]!r}, which is not of sentence_transformers")


def adapter_findings(path: str, adapter: Any) -> Iterator[Finding]:
    """Findings about `adapter_config.json`: peft fetches the base model that it names, wherever that is."""
    base = adapter.get("base_model_name_or_path") if isinstance(adapter, dict) else None
    yield Finding.of_file(path, f"loads its base model {str(base)[:80]!r} from elsewhere", elsewhere=True)
