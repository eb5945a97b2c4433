"""Activation links in their two forms: that of the API, for programs, and that of a page, for people."""

from __future__ import annotations

API_PATH = "/api/2.1/unity-catalog/public/data_sharing_activation"
"""Path of Unity Catalog's API; the code follows."""

PAGE_PATH = "/explorer/activate"
"""Path of the activation page; the code follows."""


def api_link(link: str) -> str:
    """Link of the API for an activation link of either form; another provider's is returned as it is."""
    base, page, code = link.rpartition(f"{PAGE_PATH}/")
    return f"{base}{API_PATH}/{code}" if page else link
