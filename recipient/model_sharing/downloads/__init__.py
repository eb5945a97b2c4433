"""Downloads: from a version's manifest to a verified snapshot in the cache.

`snapshot` is where it begins; `plan` compares the manifest with the cache; `engine` fetches what is missing,
by `packs` of small files and ranges of `large_files`, for which the `reuse_planner` looks for contents that
are here already. `transfer` moves the bytes, through cuts and stalls.
"""
