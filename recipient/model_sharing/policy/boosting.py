"""XGBoost, LightGBM and CatBoost models in their native formats, which their libraries parse in C++.

These parsers run no Python code, and trust what they read: a wrong index in a file crashes the process, for
some inputs only. So the trees of XGBoost's and LightGBM's models are checked first, and then each model is
loaded and asked to predict in a process of its own. That proves no memory safety. Above all CatBoost's
formats are only tried, so that a file may be made that crashes for inputs that were not.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from model_sharing.policy import lightgbm_trees, xgboost_trees
from model_sharing.policy.flavor import Flavor, Options

_TRIAL = str(Path(__file__).with_name("trial_load.py"))
_TRIAL_SECONDS = 300.0
_XGBOOST_CLASSES = frozenset(
    ["xgboost.core.Booster"]
    + [
        f"xgboost.sklearn.XGB{name}"
        for name in ("Model", "Classifier", "Regressor", "Ranker", "RFClassifier", "RFRegressor")
    ]
)
_CATBOOST_CLASSES = frozenset({"CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker"})


def _xgboost_problems(options: Options) -> Iterator[str]:
    if str(options.get("model_class", "xgboost.core.Booster")) not in _XGBOOST_CLASSES:
        yield f"the flavor 'xgboost' creates an object of the class {options['model_class']!r}"


def _lightgbm_problems(options: Options) -> Iterator[str]:
    if options.get("model_class", "lightgbm.basic.Booster") != "lightgbm.basic.Booster":
        yield "the flavor 'lightgbm' unpickles a scikit-learn wrapper"


def _catboost_problems(options: Options) -> Iterator[str]:
    if str(options.get("model_type")) not in _CATBOOST_CLASSES or options.get("save_format") not in (
        "cbm",
        "json",
    ):
        yield "the flavor 'catboost' is not in the format cbm or json"


def _content_problems(
    library: str, check: Callable[[Path], None] | None
) -> Callable[[Path, Options], Iterator[str]]:
    def problems(file: Path, options: Options) -> Iterator[str]:
        if importlib.util.find_spec(library) is None:
            return  # nothing can be loaded then, and the error says what is missing
        try:
            if check:
                check(file)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            yield f"{file.name!r} is not a valid {library} model ({type(error).__name__}: {str(error)[:80]})"
            return
        state = file.stat()
        failure = _try_load(
            library, str(file), str(options.get("save_format")), state.st_ino, state.st_mtime_ns
        )
        if failure:
            yield f"{library} {failure} as it read {file.name!r} in a process of its own"

    return problems


@lru_cache(maxsize=64)
def _try_load(library: str, file: str, form: str, inode: int, changed: int) -> str | None:
    """Load and predict in another process that sees the same packages; how it failed, or None."""
    if not sys.executable:
        return "could not be started"
    path = os.pathsep.join(place for place in sys.path if place)
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and program
            [sys.executable, "-P", _TRIAL, library, file, form],
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TRIAL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"did not come to an end within {_TRIAL_SECONDS:.0f} seconds"
    if done.returncode < 0:
        return f"crashed ({signal.Signals(-done.returncode).name})"
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        return f"failed ({''.join(last)[:120]})"
    return None


XGBOOST = Flavor(
    name="xgboost",
    options=frozenset({"xgb_version", "model_class", "model_format"}),
    file_option="data",
    pyfunc_option="data",
    suffixes=(".ubj", ".json"),
    problems=_xgboost_problems,
    libraries=("xgboost",),
    content_problems=_content_problems("xgboost", xgboost_trees.check_model),
)
LIGHTGBM = Flavor(
    name="lightgbm",
    options=frozenset({"lgb_version", "model_class", "serialization_format", "skops_trusted_types"}),
    file_option="data",
    pyfunc_option="data",
    suffixes=(".lgb", ".txt"),
    problems=_lightgbm_problems,
    libraries=("lightgbm",),
    content_problems=_content_problems("lightgbm", lightgbm_trees.check_model),
)
CATBOOST = Flavor(
    name="catboost",
    options=frozenset({"catboost_version", "model_type", "save_format"}),
    file_option="data",
    pyfunc_option="data",
    suffixes=(".cb", ".cbm", ".json"),
    problems=_catboost_problems,
    libraries=("catboost",),
    content_problems=_content_problems("catboost", None),
)
