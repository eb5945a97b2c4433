"""Administration: the audit log, backups, checks of storage, and freeing space."""
