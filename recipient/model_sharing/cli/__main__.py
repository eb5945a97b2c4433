"""`python -m model_sharing.cli`."""

from model_sharing.cli import main

main()
