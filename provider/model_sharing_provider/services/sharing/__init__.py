"""Sharing: shares, recipients and providers, and a recipient's view and files."""
