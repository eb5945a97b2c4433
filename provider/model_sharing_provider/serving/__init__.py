"""Serving: sockets, a server process, and several of them under a supervisor."""
