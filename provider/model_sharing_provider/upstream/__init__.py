"""Upstream providers: the one room in which this server acts as a recipient."""
