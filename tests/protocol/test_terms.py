"""Terms: their digest, as anybody can compute it, and what they apply to, in words."""

from __future__ import annotations

import subprocess
from pathlib import Path

from model_sharing_protocol.terms import subject_of_terms, terms_digest

TEXT = "Évaluez-le.\nNe le vendez pas.\n"


def test_the_digest_is_what_common_tools_compute(tmp_path: Path) -> None:
    (tmp_path / "TERMS.txt").write_text(TEXT, encoding="utf-8")
    command = "(echo 2.0; cat TERMS.txt) | sha256sum"
    printed = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert terms_digest("2.0", TEXT) == f"sha256:{printed.split()[0]}"


def test_many_models_are_counted() -> None:
    assert subject_of_terms(()) == "the whole share"
    assert subject_of_terms(["a.b"]) == "the model a.b"
    assert subject_of_terms(["a.b", "a.c"]) == "the models a.b, a.c"
    assert subject_of_terms([f"a.{n}" for n in range(100)], 2000).endswith("a.3, a.4 and 1995 more")
