"""Paging through listings in time that does not depend on how deep a page lies."""
