"""Values of the application for requests of all faces, each of which has an application of its own within it.

aiohttp's own way to them, `config_dict`, makes a chain of copies at each use, of which a request has ten.
"""

from __future__ import annotations

from aiohttp import web


def application_of(request: web.Request) -> web.Application:
    """Outermost application, which has the values."""
    return request.match_info.apps[0]
