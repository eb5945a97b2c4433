"""Command line of the suite, as `python -m opensharing_conformance`."""

from __future__ import annotations

from opensharing_conformance.cli import main

main()
