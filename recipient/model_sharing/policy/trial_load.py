"""Trial load: a program that loads a model with its native library, to crash instead of its caller.

Run as `python -P trial_load.py FLAVOR FILE FORMAT`; it knows nothing of this package, and needs no
MLflow. Errors in predicting are no finding: the inputs are made up.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

import numpy as np

_MOST_FEATURES = 10_000
_ROWS = 512


def main(flavor: str, file: str, form: str) -> None:
    """Load `file` and predict. Raises what the library raises if it cannot read it."""
    predict, features = LOADERS[flavor](file, form)
    features = min(features, _MOST_FEATURES)  # predicting for more fails, which is no finding either
    dice = np.random.default_rng(0)
    for rows in (
        np.zeros((1, features)),
        np.full((1, features), np.nan),
        dice.normal(size=(_ROWS, features)) * 10.0 ** dice.integers(-2, 4, size=(_ROWS, 1)),
    ):
        with contextlib.suppress(Exception):
            predict(rows)


def _xgboost(file: str, form: str) -> tuple[Any, int]:
    import xgboost  # noqa: PLC0415

    booster = xgboost.Booster(model_file=file)

    def predict(rows: Any) -> None:
        for model in (booster.predict, lambda matrix: booster.predict(matrix, pred_leaf=True)):
            with contextlib.suppress(xgboost.core.XGBoostError, ValueError):
                model(xgboost.DMatrix(rows, feature_names=booster.feature_names))
        booster.inplace_predict(rows)

    return predict, booster.num_features()


def _lightgbm(file: str, form: str) -> tuple[Any, int]:
    import lightgbm  # noqa: PLC0415

    booster = lightgbm.Booster(model_file=file)
    return booster.predict, booster.num_feature()


def _catboost(file: str, form: str) -> tuple[Any, int]:
    import catboost  # noqa: PLC0415

    model = catboost.CatBoost()
    model.load_model(file, form)
    names = model.feature_names_
    others = {*model.get_cat_feature_indices(), *model.get_text_feature_indices()}

    def predict(rows: Any) -> None:
        model.predict(
            [[str(value) if at in others else value for at, value in enumerate(row)] for row in rows]
        )

    return predict, len(names)


LOADERS = {"xgboost": _xgboost, "lightgbm": _lightgbm, "catboost": _catboost}


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(*sys.argv[1:])
