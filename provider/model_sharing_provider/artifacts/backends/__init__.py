"""Back ends of the artifact store: a local folder, and a bucket of an object store, behind one interface."""
