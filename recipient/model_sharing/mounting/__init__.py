"""Mounting of shares: activation link, profile, the mount itself, and its checks."""
