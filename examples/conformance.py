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


FILES = {
    "model/weights.bin": "weights",
    "lake/prompts/why.txt": "Why?",
    "lake/read-pdf/SKILL.md": "---\nname: read-pdf\ndescription: Reads PDF files.\n---\nRead them.\n",
}


def main(program: str, reports: Path) -> int:
    """Exit code of the suite."""
    with tempfile.TemporaryDirectory(prefix="model-sharing-conformance-") as folder:
        lake = Path(folder) / "acme" / "lake"
        allowed = {"MODEL_SHARING_PROVIDER_EXTERNAL_LOCATIONS": lake.as_uri()}
        acme = Company("acme", "blue", lake.parent, "MODEL_SHARING_PROVIDER_HOME", allowed)
        for path, content in FILES.items():
            (acme.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (acme.folder / path).write_text(content)
        chapter("1  Acme shares three models, a volume and an agent skill")
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
    lake = (acme.folder / "lake").as_uri()
    acme.run(provider, "share", "add-volume", "acme_share", f"{lake}/prompts", "evaluation.prompts")
    acme.run(provider, "share", "add-skill", "acme_share", f"{lake}/read-pdf", "agents.read-pdf")
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
