"""Link previews: chats, mail scanners and browsers that open each link they find, told from programs.

No header says that a request is a preview. What a program says of itself is known better: it asks for JSON
alone, or names the library that it uses. Everything else counts as a preview, known or not; so does what
looks like a browser or a robot, whatever library it names. A scanner that says it is curl is taken for it.
"""

from __future__ import annotations

import re

from aiohttp import hdrs, web

_HTML = "text/html"
_SHOWN = ("text/html", "application/xhtml+xml", "image/")
"""Types of what is shown to people, or their beginning."""

_OF_BROWSERS = (
    "Sec-Fetch-Mode",
    "Sec-Fetch-Site",
    "Sec-Fetch-Dest",
    "Sec-CH-UA",
    "Upgrade-Insecure-Requests",
)
_OF_PREFETCHING = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
_JSON = frozenset({"application/json"})
_LIBRARY = re.compile(
    r"(?<![\w-])(aiohttp|Apache-HttpClient|axios|curl|databricks-sdk-\w+|Delta-Sharing[\w-]*|Dart"
    r"|Faraday|Go-http-client|go-resty|got|GuzzleHttp|HTTPie|httr2?|Java|Java-http-client|libcurl|libwww-perl"
    r"|model-sharing|node-fetch|okhttp|python-httpx|python-requests|Python-urllib|python-urllib3|reqwest|Ruby"
    r"|terraform[\w-]*|undici|ureq|urllib3|Wget)/",
    re.IGNORECASE,
)
_ROBOT = re.compile(
    r"mozilla/|bot\b|crawl|spider|preview|scan|unfurl|facebookexternalhit|https?:", re.IGNORECASE
)


def is_program(request: web.Request) -> bool:
    """True for a program that asks for data; False for browsers, and for what may be a preview."""
    if any(name in request.headers for name in (*_OF_BROWSERS, *_OF_PREFETCHING)):
        return False
    accepted = _accepted(request)
    if accepted and accepted <= _JSON:
        return True
    if any(each.startswith(_SHOWN) for each in accepted):
        return False
    agent = request.headers.get(hdrs.USER_AGENT, "")
    if not agent and not accepted:
        # Scripts over bare HTTP, such as Python's http.client, say nothing; previews ask for something.
        return True
    return bool(_LIBRARY.search(agent)) and not _ROBOT.search(agent)


def wants_page(request: web.Request) -> bool:
    """True for a request that accepts HTML, as browsers and most previews do."""
    return _HTML in _accepted(request)


def _accepted(request: web.Request) -> frozenset[str]:
    """Media types that a request accepts, without their parameters."""
    ranges = ",".join(request.headers.getall(hdrs.ACCEPT, ())).split(",")
    return frozenset(filter(None, (each.partition(";")[0].strip().lower() for each in ranges)))
