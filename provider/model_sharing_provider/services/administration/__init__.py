"""Administration: audit log, backups, storage checks, and garbage collection."""
