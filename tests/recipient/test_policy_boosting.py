"""Models for native parsers: what would crash them, or lead them astray in memory, is not given to them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_sharing.policy import check_inert, lightgbm_trees, ubjson, xgboost_trees
from model_sharing_protocol.errors import UntrustedCode
from support.boosting_models import CATBOOST, LIGHTGBM_TEXT, XGBOOST_JSON, XGBOOST_UBJ

# What a hostile file may make the checks raise; the policy turns it into a refusal.
REFUSALS = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
SUBJECT = "vendor.ml_team.iris_model version 1"


def checked(folder: Path, name: str, data: bytes) -> None:
    file = folder / name
    file.write_bytes(data)
    check = lightgbm_trees.check_model if name.endswith(".lgb") else xgboost_trees.check_model
    check(file)


def test_models_as_their_libraries_saved_them_are_sound(tmp_path: Path) -> None:
    checked(tmp_path, "model.ubj", XGBOOST_UBJ)
    checked(tmp_path, "model.json", XGBOOST_JSON.encode())
    checked(tmp_path, "model.lgb", LIGHTGBM_TEXT.encode())


def test_ubjson_says_what_json_says() -> None:
    from_ubjson, from_json = ubjson.loads(XGBOOST_UBJ), json.loads(XGBOOST_JSON)
    model = from_ubjson["learner"]["gradient_booster"]["model"]
    assert model["cats"] == from_json["learner"]["gradient_booster"]["model"]["cats"]
    assert model["trees"][1]["split_indices"] == [1, 0, 0]
    assert model["trees"][1]["left_children"] == [1, -1, -1]


def in_tree(**changes: Any) -> Callable[[dict[str, Any]], None]:
    def change(model: dict[str, Any]) -> None:
        model["learner"]["gradient_booster"]["model"]["trees"][1].update(changes)

    return change


def in_model(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda model: model["learner"]["gradient_booster"]["model"].update(changes)


def in_parameters(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda model: model["learner"]["learner_model_param"].update(changes)


@pytest.mark.parametrize(
    "change",
    [
        in_tree(left_children=[1_000_000, -1, -1]),
        in_tree(right_children=[-2, -1, -1]),
        in_tree(left_children=[2, -1, -1]),
        in_tree(left_children=[0, -1, -1]),
        in_tree(left_children=[1.0, -1, -1]),
        in_tree(left_children=[-1, -1, -1]),
        in_tree(left_children=[1, -1]),
        in_tree(split_indices=[2, 0, 0]),
        in_tree(split_indices=[-1, 0, 0]),
        in_tree(split_indices=[2**32 + 1, 0, 0]),
        in_tree(split_type=[2, 0, 0]),
        in_tree(split_conditions=[1.0]),
        in_tree(categories=[0, -2]),
        in_tree(categories_sizes=[3]),
        in_tree(categories_segments=[7]),
        in_tree(categories_nodes=[9]),
        in_tree(categories_nodes=[]),
        in_tree(id=7),
        in_tree(tree_param={"num_nodes": "9", "num_feature": "2", "size_leaf_vector": "1"}),
        in_tree(tree_param={"num_nodes": "3", "num_feature": "9", "size_leaf_vector": "1"}),
        in_tree(tree_param={"num_nodes": "3", "num_feature": "2", "size_leaf_vector": "4"}),
        in_tree(tree_param={"num_nodes": " 3", "num_feature": "2", "size_leaf_vector": "1"}),
        in_model(tree_info=[0, 1]),
        in_model(tree_info=[0]),
        in_model(iteration_indptr=[0, 5, 2]),
        in_model(iteration_indptr=[]),
        in_model(trees=[]),
        in_model(cats={"enc": [], "feature_segments": [0, 9], "sorted_idx": [0]}),
        in_model(cats={"enc": [], "feature_segments": [0, 1], "sorted_idx": [4]}),
        in_parameters(num_feature="1"),
        in_parameters(num_class="-3"),
        in_parameters(num_class=3),
        lambda model: model["learner"]["gradient_booster"].update(name="gblinear"),
        lambda model: model["learner"].update(gradient_booster=[]),
    ],
)
def test_an_index_that_leads_outside_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    model = json.loads(XGBOOST_JSON)
    change(model)
    with pytest.raises(REFUSALS):
        checked(tmp_path, "model.json", json.dumps(model).encode())


def test_what_two_readers_could_read_differently_is_refused(tmp_path: Path) -> None:
    twice = XGBOOST_JSON.replace(
        '"id": 0', '"id": 0, "left_children": [9, -1, -1], "left_children": [1, -1, -1]'
    )
    with pytest.raises(ValueError, match="twice"):
        checked(tmp_path, "model.json", twice.encode())
    with pytest.raises(ValueError, match="follows"):
        checked(tmp_path, "model.ubj", XGBOOST_UBJ + b"{")


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("left_child=-1 -2", "left_child=-1 -9"),
        ("left_child=-1 -2", "left_child=-1 0"),
        ("left_child=-1 -2", "left_child=-1 7"),
        ("left_child=-1 -2", "left_child=-1 -3"),
        ("left_child=-1 -2", "left_child=-1"),
        ("left_child=-1 -2", "left_child=-1 -2x"),
        ("split_feature=1 0", "split_feature=1 2"),
        ("split_feature=1 0", "split_feature=1 -1"),
        ("num_leaves=3", "num_leaves=4"),
        ("num_leaves=3", "num_leaves=-3"),
        ("threshold=0 0.95371587874698915", "threshold=1 0.95371587874698915"),
        ("threshold=0 0.95371587874698915", "threshold=-1 0.95371587874698915"),
        ("decision_type=1 2", "decision_type=1 3"),
        ("cat_boundaries=0 1", "cat_boundaries=0 9"),
        ("cat_boundaries=0 1", "cat_boundaries=5 1"),
        ("num_cat=1", "num_cat=2"),
        ("is_linear=0", "is_linear=1"),
        ("shrinkage=0.1", "shrinkage=0.1\nleft_child=-9 -2"),
        ("max_feature_idx=1", "max_feature_idx=0"),
        ("max_feature_idx=1", "max_feature_idx=1000000"),
        ("num_class=1", "num_class=3"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=3"),
        ("objective=binary sigmoid:1", "objective=multiclass num_class:900"),
        ("tree_sizes=366 481", "tree_sizes=366 999999"),
        ("tree_sizes=366 481", "tree_sizes=300 481"),
        ("tree_sizes=366 481", "tree_sizes=366"),
        ("tree_sizes=366 481\n", ""),
        ("Tree=1", "Tree=7"),
    ],
)
def test_a_line_that_leads_outside_is_refused(tmp_path: Path, line: str, instead: str) -> None:
    head, tree = LIGHTGBM_TEXT.replace("366 481", "{sizes}").split("Tree=1\n")
    changed = tree.replace(line, instead) if line in tree and line != "Tree=1" else tree
    text = f"{head}Tree=1\n{changed}"
    if changed == tree:
        text = text.replace(line, instead)
    size = 481 + len(changed) - len(tree)  # what has to be found is not just that a tree became longer
    text = text.replace("tree_sizes={sizes}", f"tree_sizes=366 {size}")
    if "tree_sizes" in line:
        text = LIGHTGBM_TEXT.replace(line, instead)
    assert text != LIGHTGBM_TEXT
    with pytest.raises(REFUSALS):
        checked(tmp_path, "model.lgb", text.encode())


@given(data=st.data())
def test_no_damage_ends_in_another_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    name, good = data.draw(
        st.sampled_from(
            [
                ("m.ubj", XGBOOST_UBJ),
                ("m.json", XGBOOST_JSON.encode()),
                ("m.lgb", LIGHTGBM_TEXT.encode()),
            ]
        )
    )
    damaged = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    del damaged[data.draw(st.integers(1, len(good))) :]
    with contextlib.suppress(*REFUSALS):
        checked(folder, name, bytes(damaged))


CRASHING = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
FAILING = "class CatBoost:\n    def load_model(self, file, form): raise ValueError('Incorrect model file')\n"
FINE = """
class CatBoost:
    feature_names_ = ["a", "b"]
    def load_model(self, file, form): assert form == "cbm"
    def get_cat_feature_indices(self): return [1]
    def get_text_feature_indices(self): return []
    def predict(self, rows): assert all(isinstance(row[1], str) for row in rows)
"""
CRASHING_LATER = FINE.replace("assert all(isinstance(row[1], str) for row in rows)", "import os; os.abort()")


@pytest.mark.parametrize(
    ("library", "verdict"),
    [
        (CRASHING, r"crashed \(SIGSEGV\)"),
        (CRASHING_LATER, r"crashed \(SIGABRT\)"),
        (FAILING, "failed .*Incorrect model file"),
        (FINE, None),
    ],
)
def test_a_model_is_tried_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, verdict: str | None
) -> None:
    """With a stand-in for CatBoost, which is large; `tests/soak` has the real one."""
    site = tmp_path / "site"
    (site / "catboost").mkdir(parents=True)
    (site / "catboost" / "__init__.py").write_text(library)
    (site / "catboost-1.2.10.dist-info").mkdir()
    (site / "catboost-1.2.10.dist-info" / "METADATA").write_text("Name: catboost\nVersion: 1.2.10\n")
    monkeypatch.syspath_prepend(site)
    model = tmp_path / "model"
    model.mkdir()
    for name, text in CATBOOST.items():
        (model / name).write_text(text)
    (model / "model.cb").write_bytes(b"CBM1")
    paths = frozenset({*CATBOOST, "model.cb"})
    if verdict is None:
        check_inert(model, paths, SUBJECT)
    else:
        with pytest.raises(UntrustedCode, match=verdict):
            check_inert(model, paths, SUBJECT)
