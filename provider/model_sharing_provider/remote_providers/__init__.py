"""Upstream providers: the only package in which this server acts as a recipient."""
