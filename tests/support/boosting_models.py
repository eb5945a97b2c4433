"""Small models as XGBoost 3.2 and LightGBM 4.7 saved them, and MLmodel files as MLflow 3.17 wrote them."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode

XGBOOST_UBJ = zlib.decompress(
    b64decode(
        "eNrdVjFvEzEUziVpQ9OGBgoDM12QANFWXUAqCRIDUreKKSqW7+7d1ZXPjmwnUKKIP8DAChuMDCxIHWFg7EAZECs7MxIb+C4525ek"
        "EkgIVdzk8/vs99733nfvBtul0VOjgAUDMcg36lgpQfyeAjkY5puNCLDqCUAMJyA7l/P98k6+8rBd+lPH1EF39rG5iHKs7NEgXzVj"
        "gUMCTCGfc6mcAOcSHgI1r9UAK2neKsACx4/Zr/EokqBkZ5UaaylfzPcx7en4Vom1Da2DNHiyPAXeNuBqqfh4ufs8KMNjMydEQpzo"
        "5ArxVJwrqqYckgsFISLhIxdbdVyVCy7Ox74SAChjCXWxwIlJ5RzrJdkWpdqWwizza/lqIQWlNmmN6zYDomuBFeEMERZ2lbBsV0iJ"
        "eKRs7snCICziTkE0xNA+lzmZVa0lH0tAD4HEeylFoXXxtv3pytaPjxvvL8hXhiLdARBzQaBAZ86+CahpcYhpdgpoz22IFQdpK7Vd"
        "BLsH3KsleQwz0SaQpRAi3KMKUYhUZ/W+Tc+zV5ZJaKlqpEgU7BEaCmCTTeP9HD/GAeVSajhmMRT5u7Oz8Gwy+JruiKlefKKvmwSe"
        "FWlBTgyjPBlGU3Yp0XjOQpJ2TDGUNPDJUjZGJ3RnkQCmxDFFe30ETwV6Eo2LUnfzHkhJMCu4byfPX7TLby62Pn+pm/uyli1qZjGV"
        "g5YSaBVaQdwomMeqdvRSEFPWbNa4YfnRraKbAEeoD4HiwlHjcPgbarj1+unh1tHt9Xdf7z34/9Xg/XU1tL9fenma1DBRyn+pht2j"
        "D61vV49bx/uHp1INZgBV018QY5ofTTtjXRn/zswcf/VMSDLgTnBnOpvXN+9eW9s18zP730CR4AnCfT3r4hOHZECxlH/OQj0bsFjE"
        "oNwUzdXc39f5kz4MZue87BOGxcFNymMiFQlsQ0KMsl4vpt2UAaa6kFyOPyKzia3pZKXuS3egV4ie2MNfOZ8VRg=="
    )
)

_TREE = {
    "base_weights": [-4.5e-8, 0.49, -0.58],
    "categories": [0, 2],
    "categories_nodes": [0],
    "categories_segments": [0],
    "categories_sizes": [2],
    "default_left": [1, 0, 0],
    "id": 0,
    "left_children": [1, -1, -1],
    "loss_changes": [52.8, 0.0, 0.0],
    "parents": [2147483647, 0, 0],
    "right_children": [2, -1, -1],
    "split_conditions": [1e-45, 0.49, -0.58],
    "split_indices": [1, 0, 0],
    "split_type": [1, 0, 0],
    "sum_hessian": [14.9, 8.2, 6.7],
    "tree_param": {"num_deleted": "0", "num_feature": "2", "num_nodes": "3", "size_leaf_vector": "1"},
}
_CATEGORIES = {
    "enc": [{"offsets": [], "values": []}, {"type": 15, "values": [0, 1, 2, 3]}],
    "feature_segments": [0, 0, 4],
    "sorted_idx": [0, 1, 2, 3],
}
XGBOOST_JSON = json.dumps(
    {
        "learner": {
            "attributes": {},
            "feature_names": ["a", "b"],
            "feature_types": ["float", "c"],
            "gradient_booster": {
                "model": {
                    "cats": _CATEGORIES,
                    "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": "2"},
                    "iteration_indptr": [0, 1, 2],
                    "tree_info": [0, 0],
                    "trees": [_TREE, {**_TREE, "id": 1}],
                },
                "name": "gbtree",
            },
            "learner_model_param": {
                "base_score": "[5.5E-1]",
                "boost_from_average": "1",
                "num_class": "0",
                "num_feature": "2",
                "num_target": "1",
            },
            "objective": {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": "1"}},
        },
        "version": [3, 2, 0],
    }
)

LIGHTGBM_TEXT = """\
tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=binary sigmoid:1
feature_names=a b
feature_infos=[-2.3250307746388343:1.8220113633283233] -1:3:0:1:2
tree_sizes=366 481

Tree=0
num_leaves=2
num_cat=1
split_feature=1
split_gain=25.3571
threshold=0
decision_type=1
left_child=-1
right_child=-2
leaf_value=0.28241006269648933 0.11165525853984863
leaf_weight=8.1675000786781293 6.6825000643730172
leaf_count=33 27
internal_value=0.200671
internal_weight=14.85
internal_count=60
cat_boundaries=0 1
cat_threshold=10
is_linear=0
shrinkage=1


Tree=1
num_leaves=3
num_cat=1
split_feature=1 0
split_gain=23.2681 3.55271e-15
threshold=0 0.95371587874698915
decision_type=1 2
left_child=-1 -2
right_child=1 -3
leaf_value=0.078426254164643674 -0.21181272266395848 -0.21181272266395845
leaf_weight=8.0876663625240308 5.2336712926626214 1.4953346550464628
leaf_count=33 21 6
internal_value=-0.000454971 -0.0851987
internal_weight=14.8167 6.72901
internal_count=60 27
cat_boundaries=0 1
cat_threshold=10
is_linear=0
shrinkage=0.1


end of trees

feature_importances:
b=2
a=1

parameters:
[boosting: gbdt]
end of parameters

pandas_categorical:null
"""

# As `mlflow.catboost.save_model` wrote them.
CATBOOST = {
    "MLmodel": """\
flavors:
  catboost:
    catboost_version: 1.2.10
    code: null
    data: model.cb
    model_type: CatBoostClassifier
    save_format: cbm
  python_function:
    data: model.cb
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.catboost
    python_version: 3.11.7
mlflow_version: 3.17.2
model_id: null
model_size_bytes: 10000
model_uuid: 263d4d8a11234811a2abf49510d0f361
prompts: null
utc_time_created: '2026-11-26 22:11:06.967305'
""",
    "conda.yaml": """\
channels:
- conda-forge
dependencies:
- python=3.11.7
- pip<=23.2.1
- pip:
  - mlflow==3.17.2
  - catboost==1.2.10
name: mlflow-env
""",
    "python_env.yaml": """\
python: 3.11.7
build_dependencies:
- pip==23.2.1
- setuptools==65.5.0
- wheel
dependencies:
- -r requirements.txt
""",
    "requirements.txt": "mlflow==3.17.2\ncatboost==1.2.10",
}
