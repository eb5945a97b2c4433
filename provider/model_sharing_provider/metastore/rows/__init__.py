"""Rows of the metastore, a module a subject, in SQLAlchemy Core."""
