"""Privileges in the words of the client: `USE_CATALOG` for Databricks', `USE CATALOG` for open-source ones.

The clients of open-source Unity Catalog 0.2 to 0.7 read an enumeration with spaces, and fail on any other
word, so that they are not told of privileges that it does not have.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from aiohttp import hdrs, web

from model_sharing_provider.governance.privileges import Privilege

# The generated client for Python, those that name themselves, and its pages in a browser.
_OPEN_SOURCE = re.compile(r"^OpenAPI-Generator/|unity-?catalog|^Mozilla/", re.IGNORECASE)
_UNKNOWN = frozenset(
    {
        Privilege.ALL_PRIVILEGES,
        Privilege.APPLY_TAG,
        Privilege.CREATE_PROVIDER,
        Privilege.CREATE_RECIPIENT,
        Privilege.CREATE_SHARE,
        Privilege.MANAGE,
    }
)


def privilege_words(request: web.Request, *, spaced: bool) -> Callable[[str], str | None]:
    """Function that writes a privilege as the client reads it; None for one that it does not know.

    With `spaced`, the client wrote privileges with spaces itself.
    """
    if spaced or _OPEN_SOURCE.search(request.headers.get(hdrs.USER_AGENT, "")):
        return lambda word: None if word in _UNKNOWN else word.replace("_", " ")
    return lambda word: word
