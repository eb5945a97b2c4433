"""Governance: who may do what, as pure functions without rows, clock or network."""
