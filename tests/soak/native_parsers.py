"""Program that saves models by MLflow, damages them, and counts what crashes native parsers.

Run by an interpreter that has MLflow, XGBoost, LightGBM and CatBoost; prints a line of JSON a kind of model:
whether the policy lets the undamaged one pass, how many of the damaged ones crash a process that loads and
predicts, and how many of those the policy lets pass.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import mlflow.catboost
import mlflow.lightgbm
import mlflow.xgboost
import numpy as np
import xgboost

from model_sharing.policy import check_inert, lightgbm_trees, trial_load, xgboost_trees

WILD = (-1, -2, -(2**31), 2**31 - 1, 10**6, 12345, 7, 0, 1, -7, 10**9)
TEXT = {"xgboost-json", "lightgbm", "lightgbm-classes"}
Call = Callable[[], object]


def saved_models(folder: Path) -> Iterator[tuple[str, Path]]:
    """A model of each kind, and its file."""
    dice = np.random.default_rng(0)
    rows = dice.normal(size=(200, 6))
    labels = (rows[:, 0] + rows[:, 1] * rows[:, 2] > 0).astype(int)
    matrix = xgboost.DMatrix(rows, labels)
    trees = xgboost.train({"objective": "binary:logistic", "max_depth": 4}, matrix, 10)
    linear = xgboost.train({"booster": "gblinear"}, matrix, 3)
    quiet = {"verbose": -1, "num_threads": 1}
    data = lightgbm.Dataset(rows, labels)
    leaves = lightgbm.train({**quiet, "objective": "binary"}, data, 10)
    three = lightgbm.Dataset(rows, dice.integers(0, 3, 200))
    classes = lightgbm.train({**quiet, "objective": "multiclass", "num_class": 3}, three, 5)
    oblivious = catboost.CatBoostClassifier(iterations=10, depth=4, verbose=False, allow_writing_files=False)
    oblivious.fit(rows, labels)
    for name, flavor, model, more in (
        ("xgboost-ubj", mlflow.xgboost, trees, {"model_format": "ubj"}),
        ("xgboost-json", mlflow.xgboost, trees, {"model_format": "json"}),
        ("xgboost-linear", mlflow.xgboost, linear, {"model_format": "ubj"}),
        ("lightgbm", mlflow.lightgbm, leaves, {}),
        ("lightgbm-classes", mlflow.lightgbm, classes, {}),
        ("catboost", mlflow.catboost, oblivious, {}),
    ):
        flavor.save_model(model, str(folder / name), pip_requirements=["numpy"], **more)
        yield name, next((folder / name).glob("model.*"))


def damaged(data: bytes, text: bool, dice: random.Random) -> bytes:
    if text and dice.random() < 0.7:
        written = data.decode()
        for _ in range(dice.choice([1, 1, 2, 4])):
            number = dice.choice(list(re.finditer(r"-?\d+(\.\d+)?", written)))
            written = written[: number.start()] + str(dice.choice(WILD)) + written[number.end() :]
        return written.encode()
    result = bytearray(data)
    if not text and dice.random() < 0.4:
        at = dice.randrange(len(result) - 4)
        value = dice.choice(WILD) & 0xFFFFFFFF
        result[at : at + 4] = value.to_bytes(4, "little") if dice.random() < 0.5 else value.to_bytes(4)
    else:
        for _ in range(dice.choice([1, 1, 1, 2, 5])):
            result[dice.randrange(len(result))] = dice.randrange(256)
    return bytes(result)


def ends_well(call: Call) -> bool | None:
    """In a process of its own: True if it returns, None if it raises, False if it crashes."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        # Damaged indices make endless loops, too; time that others take from this machine does not count.
        resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
        signal.alarm(20)
        try:
            call()
        except BaseException:
            os._exit(3)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return False if os.WIFSIGNALED(status) else True if status == 0 else None


def used(library: str, file: Path) -> None:
    """Use of a file as by a recipient, with other inputs than the policy's."""
    dice = np.random.default_rng(7)
    predict, features = trial_load.LOADERS[library](str(file), "cbm")
    for _ in range(3):
        predict(dice.normal(size=(200, features)) * 3)


def passes(library: str, file: Path) -> bool:
    check: Any = {"xgboost": xgboost_trees, "lightgbm": lightgbm_trees}.get(library)
    try:
        if check:
            check.check_model(file)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False
    return ends_well(partial(trial_load.main, library, str(file), "cbm")) is True


def is_inert(folder: Path) -> bool:
    check_inert(folder, frozenset(path.name for path in folder.iterdir()), "vendor.a.b version 1")
    return True


def main(folder: Path, damages: int) -> None:
    for name, file in saved_models(folder):
        library = name.partition("-")[0]
        dice, original = random.Random(name), file.read_bytes()
        inert = is_inert(file.parent)
        crashes = missed = 0
        for _ in range(damages):
            file.write_bytes(damaged(original, name in TEXT, dice))
            if ends_well(partial(used, library, file)) is False:
                crashes += 1
                missed += passes(library, file)
        print(json.dumps({"model": name, "inert": inert, "crashes": crashes, "missed": missed}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
