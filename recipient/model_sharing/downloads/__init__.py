"""From a version's file list to a verified snapshot in the cache.

`plan` says what is missing; `engine` fetches it over `connection`s into `parts` and blobs, and tells
`progress`.
"""
