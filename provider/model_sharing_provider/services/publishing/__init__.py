"""Publishing: everything that makes a version, and the files of one for its own metastore."""
