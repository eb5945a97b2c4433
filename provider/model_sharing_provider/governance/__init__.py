"""Governance: authorization rules, as pure functions without rows, clock or network."""
