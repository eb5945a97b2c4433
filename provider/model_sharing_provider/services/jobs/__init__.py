"""Background jobs of all servers of a metastore: each is a row, claimed by the server that works on it."""
