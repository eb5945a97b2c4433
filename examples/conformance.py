"""The conformance suite of the protocol against a provider on this machine, as an auditor would run it.

    make conformance        (or: python examples/conformance.py PROGRAM FOLDER)

PROGRAM is an installed `opensharing-conformance`, FOLDER the one that its reports are put in. The suite knows
nothing of the provider but the profile file of a recipient.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from demo import Company, chapter, served

KNOWN_FAILURES = Path(__file__).parents[1] / "tests" / "conformance" / "known_failures.txt"
MODELS = ("prod.ml_team.scorer", "prod.ml_team.ranker", "prod.vision.tagger")


def main(program: str, reports: Path) -> int:
    """Exit code of the suite."""
    with tempfile.TemporaryDirectory(prefix="model-sharing-conformance-") as folder:
        acme = Company("acme", "blue", Path(folder) / "acme", "MODEL_SHARING_PROVIDER_HOME")
        acme.folder.mkdir()
        (acme.folder / "model").mkdir()
        (acme.folder / "model" / "weights.bin").write_bytes(b"weights")
        chapter("1  Acme shares three models")
        with served(acme):
            link = share(acme)
            chapter("2  An auditor opens a link, and runs the suite")
            acme.run("model-sharing", "activate", link, "auditor.share")
            return audit(program, acme.folder / "auditor.share", reports)


def share(acme: Company) -> str:
    """Activation link of an auditor, to whom two shares are granted."""
    provider = "model-sharing-provider"
    acme.run(provider, "catalog", "create", "prod")
    for schema in ("prod.ml_team", "prod.vision"):
        acme.run(provider, "schema", "create", schema)
    for share_name in ("acme_share", "second_share"):
        acme.run(provider, "share", "create", share_name)
    for model in MODELS:
        for _ in range(2):
            acme.run(provider, "model", "register", "model", model, "--format", "files")
        acme.run(provider, "share", "add-model", "acme_share", model)
    link = acme.run(provider, "recipient", "create", "auditor")
    for share_name in ("acme_share", "second_share"):
        acme.run(provider, "share", "grant", share_name, "auditor")
    return link


def audit(program: str, profile: Path, reports: Path) -> int:
    files = [f"--{kind}={reports / f'conformance.{kind}'}" for kind in ("html", "junit", "tap", "json")]
    command = [program, "--profile", str(profile), "--known-failures", str(KNOWN_FAILURES), *files]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
