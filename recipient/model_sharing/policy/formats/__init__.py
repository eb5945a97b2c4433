"""Formats other than MLflow's: rules about what is in their files, by the programs that read them.

Every file is judged by its name, in whichever format it lies: transformers reads an adapter's
configuration beside a model's, diffusers whole models of transformers. As for MLflow, nothing is searched for
in files: a kind of file that is not known to be only read counts as code. Configurations are another matter,
since each architecture has keys of its own. There the keys and values are known by which the libraries in
`versions.py` came to run code or to load something else, from their source and from their advisories:

- CVE-2026-4372: `_attn_implementation_internal` named a kernel to fetch and run;
- CVE-2026-5241: a nested `trust_remote_code` was believed;
- CVE-2024-34359, CVE-2026-5760: chat templates in GGUF files were rendered without a sandbox.
"""

from model_sharing.policy.formats.findings import (
    file_findings,
    is_judged,
    is_small_judged,
    weight_findings,
)

__all__ = ["file_findings", "is_judged", "is_small_judged", "weight_findings"]
