"""Crawl of the explorer: every page that links lead to, and what is wrong with its HTML."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from yarl import URL

from support.explorer_client import ExplorerClient

# A link that makes new ones forever would be found by this.
_TOO_MANY = 2000
_LINKS = (("a", "href"), ("[hx-get]", "hx-get"), ("form[method=get]", "action"))
_LOADED = (("script", "src"), ("link", "href"), ("img", "src"), ("form", "action"))
_HTMX_METHODS = ("hx-get", "hx-post", "hx-put", "hx-delete")
# What Python prints of values that templates should have worded.
_RAW = re.compile(
    r"\bNone\b|\bobject at 0x|\b(SecurableType|VersionStatus|AuditAction|Privilege)\.|\bUndefined\b"
)
_INLINE = re.compile(r"on[a-z]+|style")
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
_POLICY = ("default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'")
_NO_PROSE = ["code", "pre", "script", "style"]
_UNLABELLED_TYPES = ("hidden", "submit", "button")


@dataclass(frozen=True, slots=True)
class CrawledPage:
    """Answer to one GET; `soup` is None for what is not HTML."""

    path: str
    found_on: str
    status: int
    headers: Mapping[str, str]
    soup: BeautifulSoup | None

    def __str__(self) -> str:
        return f"{self.path} ({self.status}, linked on {self.found_on})"

    @property
    def is_whole(self) -> bool:
        """True for a page, False for a part of one."""
        return self.soup is not None and self.soup.find("html") is not None


async def crawl(explorer: ExplorerClient, *starts: str, prefix: str = "") -> list[CrawledPage]:
    """Pages that links lead to from the home page and `starts`; `prefix` is what a reverse proxy strips."""
    home = f"{prefix}/explorer"
    waiting = [(path, "") for path in (home, *starts)]
    found: dict[str, CrawledPage] = {}
    while waiting:
        path, found_on = waiting.pop(0)
        if path in found:
            continue
        found[path] = page = await _get(explorer, path, found_on, prefix)
        assert len(found) < _TOO_MANY, [str(each) for each in found.values()][-20:]
        waiting += [(link, path) for link in links_of(page) if link not in found]
    return list(found.values())


async def _get(explorer: ExplorerClient, path: str, found_on: str, prefix: str) -> CrawledPage:
    url = explorer.base.join(URL(path.removeprefix(prefix), encoded=True))
    headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    async with explorer.session.get(url, headers=headers, allow_redirects=False) as answer:
        content = await answer.read()
        is_html = answer.content_type == "text/html"
        soup = BeautifulSoup(content.decode(), "html.parser") if is_html else None
        return CrawledPage(path, found_on, answer.status, answer.headers, soup)


def links_of(page: CrawledPage) -> list[str]:
    """Paths on this server that a page links to, without fragments; those of other sites are left out."""
    if page.soup is None:
        return []
    found = []
    for selector, attribute in _LINKS:
        for tag in page.soup.select(selector):
            parts = urlsplit(urljoin(page.path, str(tag.get(attribute, ""))))
            if not parts.netloc and not parts.scheme:
                found.append(parts.path + (f"?{parts.query}" if parts.query else ""))
    return list(dict.fromkeys(found))


def problems_of(page: CrawledPage, prefix: str = "") -> Iterator[str]:
    """What is wrong with a page's headers and HTML, each with the page."""
    yield from _header_problems(page)
    if page.soup is None:
        return
    if page.is_whole:
        yield from _document_problems(page, page.soup)
    for problem in (*_label_problems(page.soup), *_safety_problems(page.soup, prefix)):
        yield f"{page}: {problem}"


def _header_problems(page: CrawledPage) -> Iterator[str]:
    """What browsers must be told; what is no page of ours, such as a file, is never opened as one."""
    if page.headers.get("X-Content-Type-Options") != "nosniff":
        yield f"{page}: its type may be sniffed"
    if page.soup is None and page.status == 200 and not page.path.partition("?")[0].endswith((".css", ".js")):
        if not page.headers.get("Content-Disposition", "").startswith("attachment"):
            yield f"{page}: a file that is not an attachment"
        return
    policy = page.headers.get("Content-Security-Policy", "")
    missing = [rule for rule in _POLICY if page.soup and rule not in policy]
    missing += [name for name, value in _HEADERS.items() if page.soup and page.headers.get(name) != value]
    if missing:
        yield f"{page}: without {missing}"


def _document_problems(page: CrawledPage, soup: BeautifulSoup) -> Iterator[str]:
    html, title = soup.find("html"), soup.find("title")
    if not isinstance(html, Tag) or html.get("lang") != "en":
        yield f"{page}: no language"
    if not isinstance(title, Tag) or not title.get_text().partition("·")[0].strip():
        yield f"{page}: no title"
    if len(soup.find_all("h1")) != 1:
        yield f"{page}: {len(soup.find_all('h1'))} headings h1"
    for identifier, times in Counter(str(tag["id"]) for tag in soup.select("[id]")).items():
        if times > 1:
            yield f"{page}: {times} times the id {identifier!r}"
    shown = soup.find("main") or soup
    text = " ".join(each for each in shown.find_all(string=True) if not each.find_parent(_NO_PROSE))
    if raw := _RAW.search(text):
        yield f"{page}: shows {raw[0]!r} of Python: {text[max(0, raw.start() - 40) : raw.end() + 40]!r}"


def _label_problems(soup: BeautifulSoup) -> Iterator[str]:
    for tag in soup.select("input, select, textarea"):
        if tag.get("type") not in _UNLABELLED_TYPES and not _label(soup, tag):
            yield f"no label: {tag}"
    for tag in soup.select("button, summary, a[href]"):
        picture = tag.find(["img", "svg"])
        named = tag.get_text(strip=True) or tag.get("aria-label") or tag.get("title")
        if not named and not (isinstance(picture, Tag) and (picture.get("alt") or picture.find("title"))):
            yield f"no name: {tag}"
    for tag in soup.select("img:not([alt])"):
        yield f"no text: {tag}"
    for tag in soup.select("table th:not([scope])"):
        yield f"no scope: {tag}"
    for tag in soup.select("[aria-describedby], [aria-labelledby], label[for]"):
        for attribute in ("aria-describedby", "aria-labelledby", "for"):
            for identifier in str(tag.get(attribute, "")).split():
                if soup.find(id=identifier) is None:
                    yield f"nothing has the id {identifier!r}: {tag}"


def _label(soup: BeautifulSoup, tag: Tag) -> str:
    around = tag.find_parent("label")
    by_id = soup.find("label", {"for": tag["id"]}) if tag.has_attr("id") else None
    given = str(tag.get("aria-label") or tag.get("aria-labelledby") or "")
    return given or "".join(each.get_text(strip=True) for each in (around, by_id) if each)


def _safety_problems(soup: BeautifulSoup, prefix: str) -> Iterator[str]:
    """What the Content-Security-Policy would stop, and what would leave a path prefix."""
    for tag in soup.find_all(True):
        for attribute in tag.attrs:
            if _INLINE.fullmatch(attribute):
                yield f"the policy stops {attribute}: {tag.name}"
    for tag in soup.select("script:not([src]), style"):
        yield f"the policy stops {tag.name}"
    for tag in soup.select("form[method=post]"):
        if not tag.find("input", {"name": "csrf_token"}) and not str(tag["action"]).endswith("/sign-in"):
            yield f"no csrf_token: {tag['action']}"
    for selector, attribute in (*_LINKS, *_LOADED, *((f"[{name}]", name) for name in _HTMX_METHODS)):
        for tag in soup.select(selector):
            target = str(tag.get(attribute, ""))
            if target.startswith("/") and not target.startswith(f"{prefix}/"):
                yield f"leaves the path prefix: {target}"
