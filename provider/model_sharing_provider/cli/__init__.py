"""`model-sharing-provider`: run the server and administer it, beside a running one or without."""

from __future__ import annotations

from model_sharing_provider.cli.main import main

__all__ = ["main"]
