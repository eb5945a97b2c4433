"""The command line of a recipient: `model-sharing`."""

from model_sharing.cli.main import main

__all__ = ["main"]
