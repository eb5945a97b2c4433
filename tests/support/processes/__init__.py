"""Servers and programs in processes of their own, and the environments that they run in."""
