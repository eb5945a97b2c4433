"""Requests by which browsers, previews, scanners and programs open a link, as they send them."""

from __future__ import annotations

from collections.abc import Mapping

Headers = Mapping[str, str]

_HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_CHROME = f"{_WINDOWS} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
_NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"}


def _agent(name: str, accept: str = "*/*", **headers: str) -> Headers:
    sent = {"User-Agent": name, "Accept": accept}
    return sent | {key.replace("_", "-"): value for key, value in headers.items()}


BROWSERS: dict[str, Headers] = {
    "Chrome": {**_agent(_CHROME, _HTML, Upgrade_Insecure_Requests="1"), **_NAVIGATION},
    "Chrome over plain http": _agent(_CHROME, _HTML, Upgrade_Insecure_Requests="1"),
    "Firefox": {**_agent(f"{_WINDOWS} rv:132.0) Gecko/20100101 Firefox/132.0", _HTML), **_NAVIGATION},
    "Safari": _agent(f"{_MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15", _HTML),
    "Safari of 2019": _agent(f"{_MAC} AppleWebKit/605.1.15 Version/13.0 Safari/605.1.15", _HTML),
    "Chrome's prefetch": _agent(_CHROME, _HTML, Sec_Purpose="prefetch;prerender"),
    "Firefox's prefetch": _agent(f"{_WINDOWS} Firefox/100.0", _HTML, X_Moz="prefetch"),
    "Safari's preview": _agent(f"{_MAC} Safari/605.1.15", _HTML, X_Purpose="preview"),
    "SafeLinks, as Edge": _agent(f"{_CHROME} Edg/130.0.0.0", _HTML),
    "SafeLinks, as Internet Explorer": _agent(
        "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; ms-office; MSOffice 16)",
        "text/html, application/xhtml+xml, image/jxr, */*",
    ),
    "Java's HttpURLConnection": _agent(
        "Java/17.0.11", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"
    ),
}
"""What accepts HTML."""

PREVIEWS: dict[str, Headers] = {
    "Slack": _agent("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", Range="bytes=0-32768"),
    "Slack's images": _agent("Slack-ImgProxy (+https://api.slack.com/robots)"),
    "Slackbot": _agent("Slackbot 1.0 (+https://api.slack.com/robots)"),
    "Teams": _agent(
        "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com"
    ),
    "Outlook on the web": _agent(f"{_WINDOWS} AppleWebKit/537.36 BingPreview/1.0b"),
    "SafeLinks without a name": {"Accept": "*/*"},
    "Gmail's images": _agent(f"{_WINDOWS} Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"),
    "Google Chat": _agent("Mozilla/5.0 (compatible; Google-PageRenderer; +https://developers.google.com/)"),
    "Google Messages": _agent("Mozilla/5.0 (compatible; GoogleMessages/1.0)"),
    "Googlebot": _agent("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    "WhatsApp": _agent("WhatsApp/2.23.20.0"),
    "Signal": _agent("WhatsApp/2"),
    "Discord": _agent("Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)"),
    "LinkedIn": _agent(
        "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)"
    ),
    "LinkedIn, older": _agent("LinkedInBot/1.0 (compatible; Jakarta; Apache-HttpClient/4.5.3 )"),
    "iMessage": _agent(
        f"{_MAC} AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 "
        "facebookexternalhit/1.1 Facebot Twitterbot/1.0"
    ),
    "Facebook": _agent("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"),
    "Telegram": _agent("TelegramBot (like TwitterBot)"),
    "Mattermost": _agent("Mattermost-Bot/1.1"),
    "Matrix": _agent("Synapse (bot; +https://github.com/matrix-org/synapse)"),
    "an unknown one": _agent("AcmeLinkChecker/3.2"),
    "an unknown one, made with a library": _agent("AcmePreview/3.2 python-requests/2.32.3"),
    "an unknown one, with axios's types": _agent("acme-unfurl/1.0", "application/json, text/plain, */*"),
    "an unknown one, which says where it is from": _agent("python-requests/2.32 (+https://scan.example)"),
    "images alone": _agent("curl/8.5.0", "image/*"),
    "fetch() of a page": _agent("node", Sec_Fetch_Mode="cors"),
    "PowerShell": _agent("Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.22621.963"),
}
"""What accepts anything, and says that it is no program, or nothing."""

PROGRAMS: dict[str, Headers] = {
    "curl": _agent("curl/8.5.0"),
    "Wget": _agent("Wget/1.21.4", Accept_Encoding="identity"),
    "requests": _agent("python-requests/2.32.3"),
    "httpx": _agent("python-httpx/0.27.2"),
    "urllib": {"User-Agent": "Python-urllib/3.12"},
    "aiohttp, of our own clients until 0.1.0": _agent("Python/3.11 aiohttp/3.10.5"),
    "databricks-sdk": _agent(
        "unknown/0.0.0 databricks-sdk-py/0.68.0 python/3.11.9 os/linux auth/pat", "application/json"
    ),
    "databricks-sdk in a product": _agent("sharebot/1.0 databricks-sdk-go/0.50.0", "application/json"),
    "Go": {"User-Agent": "Go-http-client/1.1"},
    "Java's HttpClient": {"User-Agent": "Java-http-client/17.0.11"},
    "Apache HttpClient": {"User-Agent": "Apache-HttpClient/4.5.14 (Java/17.0.11)"},
    "axios": _agent("axios/1.7.7", "application/json, text/plain, */*"),
    "R": _agent("libcurl/8.5.0 r-curl/5.2.3 httr/1.4.7", "application/json, text/xml, application/xml, */*"),
    "JSON without a name": {"Accept": "application/json"},
    "Python's http.client": {"Accept-Encoding": "identity"},
    "a script without any header": {},
}
"""What asks for data."""
