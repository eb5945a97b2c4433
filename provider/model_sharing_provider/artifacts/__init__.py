"""Artifacts: storage, streaming and signed URLs of the files of versions. Independent of rows."""
