"""`model-sharing-provider`: run the server and administer it, beside a running one or without."""

from __future__ import annotations

import sys

from model_sharing_protocol.console.output import complain
from model_sharing_protocol.errors import MissingDependency


def main() -> None:
    """Run a command. A recipient's install has this program too, but not what it needs: say so."""
    try:
        from model_sharing_provider.cli.main import main as run  # noqa: PLC0415

        run()
    except ModuleNotFoundError as error:
        complain(
            f"the provider needs the package {error.name!r}, which is not installed; "
            "install with: pip install 'model-sharing[provider]'"
        )
        sys.exit(MissingDependency.row.exit_code)
