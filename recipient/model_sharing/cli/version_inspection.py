"""`model-sharing show --files` and `--card`: a version before it is fetched."""

from __future__ import annotations

from model_sharing.api import background_loop, blocking
from model_sharing.catalogs.inspection import InspectedVersion, inspect_version, read_text
from model_sharing.catalogs.shared_catalog import SharedCatalog
from model_sharing.policy.finding import Finding
from model_sharing.policy.requirements import Library
from model_sharing.settings import Settings
from model_sharing_protocol.console.model_cards import CARD, MAX_CARD_BYTES, show_card
from model_sharing_protocol.console.output import announce, human_size, print_fields, print_json, print_table
from model_sharing_protocol.printable import enumerated


def show_files(uri: str, output: str) -> None:
    """Print a version's files, and what loading it would need and do."""
    found = background_loop.run(lambda: inspect_version(_shared(uri), uri))
    if output == "json":
        needs = found.requirements
        print_json(found.version, files=found.files, requirements=needs, runs_code=needs.runs_code)
        return
    print_table(
        ["path", "size", "sha256"], [[file.path, human_size(file.size), file.sha256] for file in found.files]
    )
    announce("")
    print_fields(_needs(found))


def show_card_of(uri: str, output: str) -> None:
    """Print a version's model card."""
    text = background_loop.run(lambda: read_text(_shared(uri), uri, CARD, MAX_CARD_BYTES))
    if output == "json":
        print_json({"card": text})
    else:
        show_card(text)


def _shared(uri: str) -> SharedCatalog:
    return background_loop.shared_catalog(blocking.catalog_of(uri).mount, Settings.from_environment())


def _needs(found: InspectedVersion) -> list[tuple[str, str]]:
    needs = found.requirements
    return [
        ("format", str(needs.format)),
        ("for", needs.program.name),
        ("libraries", ", ".join(map(_library, needs.libraries))),
        ("runs code", "yes: " + _reasons(needs.code) if needs.runs_code else "no, as far as was looked"),
        ("loads from elsewhere", _reasons(needs.elsewhere)),
        ("not looked into", enumerated([repr(path) for path in needs.unread])),
        ("to use it", needs.program.line_for(found.version.uri)),
    ]


def _library(library: Library) -> str:
    known = [library.versions, library.installed and f"{library.installed} is installed"]
    said = "; ".join(filter(None, known)) or "not installed"
    return f"{library.name} ({said})"


def _reasons(findings: tuple[Finding, ...]) -> str:
    return enumerated([finding.reason for finding in findings])
