"""Rows: SQLAlchemy Core tables in, frozen dataclasses out. The only package that knows SQL."""
