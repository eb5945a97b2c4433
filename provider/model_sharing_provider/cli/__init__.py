"""`model-sharing-provider`: run the server and administer it, whether it is running or not."""

from __future__ import annotations

import sys

from model_sharing_protocol.console.output import complain
from model_sharing_protocol.errors import MissingDependency


def main() -> None:
    """Run a command; on a recipient's installation, report that the extra `provider` is missing."""
    try:
        from model_sharing_provider.cli.main import main as run  # noqa: PLC0415

        run()
    except ModuleNotFoundError as error:
        complain(
            f"the provider needs the package {error.name!r}, which is not installed; "
            "install with: pip install 'model-sharing[provider]'"
        )
        sys.exit(MissingDependency.row.exit_code)
