"""Notices after forms: what was done. A URL names one by its key, so that no URL puts text on a page."""

from __future__ import annotations

NOTICES = {
    "created": "Created.",
    "saved": "Saved.",
    "deleted": "Deleted.",
    "synced": "Brought up to date.",
    "pulling": "Files are being fetched.",
    "granted": "Granted.",
    "revoked": "Revoked.",
    "copied": "Copied; this is the copy.",
    "recalled": "Recalled. Its downloads have ended.",
    "lifted": "The recall is lifted.",
    "removed": "Removed.",
    "ended": "Ended.",
    "accepted": "Accepted, for everybody in this metastore.",
    "rotated": "The new profile is in use.",
    "registered": "Registered.",
    "upload-begun": "The version waits for its files.",
    "signed-out": "You have signed out.",
    "signed-out-here": "You have signed out here. Your identity provider may still have you signed in: on a "
    "computer that others use, sign out there, too.",
}
