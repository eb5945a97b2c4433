"""Serving: sockets, server processes, and their supervisor."""
