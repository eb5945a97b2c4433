"""Paging through lists, in time independent of page position."""
