"""Versions of MLflow and of the libraries that read models, for which the policy is known to hold.

It says what loaders do, so it is right for those that were read and that the hostile corpus was run over.
Requirements cannot see to that: nobody looks at them when models load, and what only a model needs is in
none. scikit-learn is not listed: skops decides which of its types are built.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_RELEASE = re.compile(r"(\d+(?:\.\d+)*)(?:\.post\d+)?(?:\+[a-z0-9.]+)?")


@dataclass(frozen=True, slots=True)
class VersionRange:
    """Versions of a library from the `lowest` up to all patches of the `newest`, major and minor."""

    distributions: tuple[str, ...]
    lowest: tuple[int, ...]
    newest: tuple[int, int]

    def __contains__(self, version: str) -> bool:
        release = _RELEASE.fullmatch(version)
        if not release:  # an alpha, a development version
            return False
        numbers = tuple(int(part) for part in release[1].split("."))
        return self.lowest <= numbers and numbers[:2] <= self.newest

    def __str__(self) -> str:
        major, minor = self.newest
        return f">={'.'.join(map(str, self.lowest))},<{major}.{minor + 1}"


# Which are tested: tests/soak/test_policy_versions.py runs the corpus over both ends of each.
TESTED = {
    "mlflow": VersionRange(("mlflow-skinny", "mlflow"), (3, 11), (3, 17)),
    "skops": VersionRange(("skops",), (0, 16), (0, 16)),
    "xgboost": VersionRange(("xgboost", "xgboost-cpu"), (3, 0), (3, 2)),
    "lightgbm": VersionRange(("lightgbm",), (4, 6), (4, 7)),
    "catboost": VersionRange(("catboost",), (1, 2, 8), (1, 2)),
    "onnx": VersionRange(("onnx",), (1, 20), (1, 23)),
    # Older ones take any file of this machine that a model names for weights of its own.
    "onnxruntime": VersionRange(("onnxruntime", "onnxruntime-gpu"), (1, 24, 4), (1, 32)),
    # Older ones let a configuration name a kernel to run (CVE-2026-4372) or give trust (CVE-2026-5241).
    "transformers": VersionRange(("transformers",), (5, 5), (5, 24)),
    # Older ones have known ways out of the sandbox in which chat templates are rendered.
    "jinja2": VersionRange(("Jinja2",), (3, 1, 6), (3, 1)),
}


def version_problems(libraries: Iterable[str]) -> Iterator[str]:
    """Problems of the libraries that are here in versions that the policy was not tested with.

    One that is not installed runs nothing.
    """
    for library in libraries:
        tested = TESTED[library]
        wrong = [version for version in _versions(library, tested) if version not in tested]
        if wrong:
            yield (
                f"it would be read by {library} {' and '.join(wrong)}, and what loads without trust was "
                f"tested with {tested}: pip install '{tested.distributions[0]}{tested}'"
            )


def tested_versions(library: str) -> str:
    """Versions of a library with which models load without trust; empty if there are none."""
    return str(TESTED[library]) if library in TESTED else ""


def installed_version(library: str) -> str:
    """Version of a library that is installed here; empty if none is."""
    names = TESTED[library].distributions if library in TESTED else (library,)
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ""


def _versions(library: str, tested: VersionRange) -> list[str]:
    """Versions of all distributions that brought what `import library` would find."""
    try:
        spec = importlib.util.find_spec(library)
    except ValueError:  # it is imported, from nowhere
        return ["of unknown origin"]
    if spec is None:
        return []
    home = Path(spec.origin).parent if spec.origin else None
    found = []
    for name in tested.distributions:
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        # Otherwise what is installed is hidden by another folder of that name, such as one just downloaded.
        if home and Path(str(distribution.locate_file(library))).resolve() == home.resolve():
            found.append(distribution.version)
    return found or [f"from {home or 'an unknown place'}, which pip did not install"]
