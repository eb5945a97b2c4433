"""Signed URLs of CDNs, by which clients fetch objects from a cache near them rather than from the bucket."""
