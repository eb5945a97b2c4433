"""Load policy: models load without trust only if everything in them is recognized as inert data.

MLflow runs code from a model's folder in many ways: pickles of every kind, a `loader_module` of the
model's choice, a `code` folder put on `sys.path`, a class named in a flavor's options, packages to install.
So nothing is searched for; instead every file, every key of the MLmodel and every line about the environment
has to be one that is known to be only read. The rules follow loaders' source code, and hold for the versions
of MLflow and other libraries in `versions.py`; with others, nothing loads without trust. Every flavor in the
file is judged, since any may be loaded.

"Inert" means that no Python code of the model's runs. Native parsers (XGBoost's, LightGBM's, CatBoost's,
ONNX Runtime's) are given the bytes; `boosting.py` says what is done about files that crash them.

Scanning pickles for known tricks is no gate and not done.
"""

from model_sharing.policy.check import check_has_mlmodel, check_inert, check_no_auto_run_files
from model_sharing.policy.environment import environment_findings
from model_sharing.policy.files import is_inert_file

__all__ = [
    "check_has_mlmodel",
    "check_inert",
    "check_no_auto_run_files",
    "environment_findings",
    "is_inert_file",
]
