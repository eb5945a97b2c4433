"""XGBoost models, as JSON or UBJSON: every index that predicting follows has to lead somewhere.

XGBoost trusts the indices in a model, so that a wrong one reads or writes anywhere, for some inputs only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from model_sharing.policy import ubjson

_MAX_CATEGORY = 2**24


def check_model(file: Path) -> None:
    """Check an XGBoost model; ValueError (or KeyError, TypeError and such) if it is not sound."""
    data = file.read_bytes()
    if file.suffix == ".json":
        model = json.loads(data.decode(), object_pairs_hook=_unrepeated)
    else:
        model = ubjson.loads(data)
    learner = model["learner"]
    parameters = learner["learner_model_param"]
    features = _count(parameters["num_feature"])
    groups = max(1, _count(parameters["num_class"]), _count(parameters.get("num_target", "1")))
    booster = learner["gradient_booster"]
    if booster["name"] == "gblinear":
        _require(len(booster["model"]["weights"]) == (features + 1) * groups, "weights")
        return
    if booster["name"] == "dart":
        _require(len(booster["weight_drop"]) == len(booster["gbtree"]["model"]["trees"]), "weight_drop")
        booster = booster["gbtree"]
    _require(booster["name"] == "gbtree", "booster")
    _check_trees(booster["model"], features, groups)


def _check_trees(model: dict[str, Any], features: int, groups: int) -> None:
    trees = model["trees"]
    _require(_count(model["gbtree_model_param"]["num_trees"]) == len(trees), "num_trees")
    _require(len(model["tree_info"]) == len(trees) and _within(model["tree_info"], groups), "tree_info")
    _check_steps(model.get("iteration_indptr", [0, len(trees)]), len(trees), "iteration_indptr")
    _check_categories(model.get("cats"))
    for number, tree in enumerate(trees):
        # A tree stands at the place that its id names.
        _require(type(tree["id"]) is int and tree["id"] == number, "id")
        _check_tree(tree, features)


def _check_tree(tree: dict[str, Any], features: int) -> None:
    parameters = tree["tree_param"]
    nodes = _count(parameters["num_nodes"])
    _require(parameters["size_leaf_vector"] in ("0", "1"), "size_leaf_vector")
    _require(_count(parameters["num_feature"]) == features and nodes > 0, "num_feature")
    for key in ("left_children", "right_children", "parents", "split_indices", "split_conditions"):
        _require(len(tree[key]) == nodes, key)
    for key in ("default_left", "base_weights", "loss_changes", "sum_hessian", "split_type"):
        _require(len(tree[key]) == nodes, key)
    _require(_within(tree["split_indices"], features), "split_indices")
    check_binary_tree(tree["left_children"], tree["right_children"], nodes)
    _require(_within(tree["split_type"], 2), "split_type")
    categorical = [node for node, kind in enumerate(tree["split_type"]) if kind]
    _require(
        tree["categories_nodes"] == [node for node in categorical if tree["left_children"][node] != -1],
        "categories_nodes",
    )
    _require(len(categorical) == len(tree["categories_nodes"]), "categories_nodes")
    sizes, segments = tree["categories_sizes"], tree["categories_segments"]
    _require(len(sizes) == len(segments) == len(categorical), "categories_segments")
    _require(_within(tree["categories"], _MAX_CATEGORY), "categories")
    for start, size in zip(segments, sizes, strict=True):
        _require(_within([start, size, start + size], len(tree["categories"]) + 1), "categories_sizes")


def check_binary_tree(left: Sequence[int], right: Sequence[int], nodes: int) -> None:
    """Check nodes with two children or none (-1): each is reached once from the first, without a cycle."""
    reached, waiting = set(), [0]
    while waiting:
        node = waiting.pop()
        _require(type(node) is int and 0 <= node < nodes and node not in reached, "children")
        reached.add(node)
        if left[node] == -1 or right[node] == -1:
            _require(left[node] == right[node] == -1, "children")
        else:
            waiting += (left[node], right[node])


def _check_categories(categories: Any) -> None:
    """Check the numbering of category names, which predicting looks up too."""
    if categories is None:
        return
    _require(_within(categories["sorted_idx"], len(categories["sorted_idx"])), "sorted_idx")
    _check_steps(categories["feature_segments"] or [0], len(categories["sorted_idx"]), "feature_segments")
    for encoding in categories["enc"]:
        if encoding.get("offsets"):
            _check_steps(encoding["offsets"], len(encoding["values"]), "offsets")


def _check_steps(steps: Sequence[Any], end: int, what: str) -> None:
    """Check the offsets at which parts begin: from 0 up to the `end`."""
    _require(_within(steps, end + 1) and steps[0] == 0 and steps[-1] == end, what)
    _require(all(one <= next_one for one, next_one in pairwise(steps)), what)


def _within(numbers: Iterable[Any], end: int) -> bool:
    return all(type(number) is int and 0 <= number < end for number in numbers)


def _count(text: Any) -> int:
    _require(isinstance(text, str) and re.fullmatch("[0-9]{1,9}", text) is not None, "a count")
    return int(text)


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(f"{what} does not fit the rest")


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    _require(len(found) == len(pairs), "a key that is there twice")
    return found
