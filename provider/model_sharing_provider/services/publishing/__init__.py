"""Publishing: creation of versions, and their files for the metastore's own principals."""
