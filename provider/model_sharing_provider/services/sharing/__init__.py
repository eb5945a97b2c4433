"""Sharing: shares, recipients and providers, and what a recipient sees and fetches."""
