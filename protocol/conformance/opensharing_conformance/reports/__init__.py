"""Reports of a run: for people at a terminal and in a browser, and for programs."""
