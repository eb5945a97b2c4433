"""LightGBM models, as text: every index that predicting follows has to lead somewhere.

LightGBM trusts the indices in a model, so that a wrong one reads or writes anywhere, for some inputs only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

Values = Mapping[str, str]

_CATEGORICAL = 1


def check_model(file: Path) -> None:
    """Check a LightGBM model; ValueError (or KeyError) if it is not sound."""
    header_text, trees_begin, rest = file.read_bytes().partition(b"\n\n")
    _require(bool(trees_begin) and header_text.startswith(b"tree\n"), "the header")
    rest = rest.lstrip(b"\n")
    header = _values(header_text.decode().split("\n")[1:])
    features = _one(header, "max_feature_idx") + 1
    _require(features > 0, "max_feature_idx")
    for key in ("feature_names", "feature_infos"):
        _require(len(header[key].split(" ")) == features, key)
    sizes = _integers(header, "tree_sizes")
    _check_classes(header, len(sizes))
    position = 0
    for number, size in enumerate(sizes):  # LightGBM jumps by these sizes
        _require(0 < size <= len(rest) - position, "tree_sizes")
        lines = rest[position : position + size].decode("ascii").rstrip("\n").split("\n")
        _require(lines[0] == f"Tree={number}", "tree_sizes")
        _check_tree(_values(lines[1:]), features)
        position += size
    _require(rest[position:].startswith(b"end of trees\n"), "tree_sizes")


def _check_classes(header: Values, trees: int) -> None:
    classes, per_iteration = _one(header, "num_class"), _one(header, "num_tree_per_iteration")
    _require(0 < classes <= per_iteration and trees % per_iteration == 0, "num_class")
    objective = re.findall(r"num_class:(\S+)", header.get("objective", ""))
    _require(objective in ([], [str(classes)]), "objective")
    _require(classes == per_iteration, "num_tree_per_iteration")


def _check_tree(tree: Values, features: int) -> None:
    leaves = _one(tree, "num_leaves")
    splits = leaves - 1
    _require(leaves > 0 and len(tree["leaf_value"].split(" ")) == leaves, "num_leaves")
    _check_linear(tree, leaves, features)
    if not splits:
        return
    split_features, decisions = _integers(tree, "split_feature"), _integers(tree, "decision_type")
    thresholds = tree["threshold"].split(" ")
    _require(len(split_features) == len(decisions) == len(thresholds) == splits, "split_feature")
    _require(all(0 <= feature < features for feature in split_features), "split_feature")
    _check_children(_integers(tree, "left_child"), _integers(tree, "right_child"), leaves)
    count = _one(tree, "num_cat")
    bounds = _integers(tree, "cat_boundaries") if count else [0]
    words = len(_integers(tree, "cat_threshold")) if count else 0
    _require(len(bounds) == count + 1 and bounds[0] == 0 and bounds[-1] == words, "cat_boundaries")
    _require(all(one <= next_one for one, next_one in pairwise(bounds)), "cat_boundaries")
    for decision, threshold in zip(decisions, thresholds, strict=True):
        _require(0 <= decision < 16, "decision_type")
        if decision & _CATEGORICAL:
            _require(
                re.fullmatch("[0-9]{1,9}", threshold) is not None and int(threshold) < count, "threshold"
            )


def _check_children(left: list[int], right: list[int], leaves: int) -> None:
    """Check that each split (from 0) and leaf (from -1 down) is reached once from the first."""
    _require(len(left) == len(right) == leaves - 1, "left_child")
    reached, waiting = set(), [0]
    while waiting:
        node = waiting.pop()
        _require(-leaves <= node < leaves - 1 and node not in reached, "left_child or right_child")
        reached.add(node)
        if node >= 0:
            waiting += (left[node], right[node])


def _check_linear(tree: Values, leaves: int, features: int) -> None:
    """Check a tree with a linear model in each leaf."""
    if _one(tree, "is_linear") == 0:
        return
    counts, used = _integers(tree, "num_features"), _integers(tree, "leaf_features")
    _require(len(counts) == leaves and min(counts) >= 0 and sum(counts) == len(used), "num_features")
    _require(len(tree["leaf_const"].split(" ")) == leaves, "leaf_const")
    _require(len(tree["leaf_coeff"].split()) == len(used), "leaf_coeff")
    _require(all(0 <= feature < features for feature in used), "leaf_features")


def _values(lines: list[str]) -> Values:
    found: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition("=")
        _require(key not in found, f"the line {key[:80]!r}, there twice,")
        found[key] = value
    return found


def _one(values: Values, key: str) -> int:
    numbers = _integers(values, key)
    _require(len(numbers) == 1, key)
    return numbers[0]


def _integers(values: Values, key: str) -> list[int]:
    numbers = values[key].split()
    _require(all(re.fullmatch("-?[0-9]{1,10}", number) for number in numbers), key)
    return [int(number) for number in numbers]


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(f"{what} does not fit the rest")
