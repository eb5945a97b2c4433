"""Explorer as a browser without JavaScript uses it: pages are read, and their forms are sent as they are.

explorer = await signed_in(server, token)
page = await explorer.open("/explorer/catalogs")
page = await page.submit("Create", name="prod")
"""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp
from aiohttp.test_utils import TestServer
from bs4 import BeautifulSoup, Tag
from yarl import URL

_HEADERS = {"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Site": "same-origin"}


def _label(tag: Tag) -> str:
    return " ".join(tag.get_text().split())


@dataclass(frozen=True, slots=True)
class ExplorerPage:
    """Page that was answered, after redirects."""

    client: ExplorerClient
    status: int
    url: URL
    soup: BeautifulSoup

    @property
    def text(self) -> str:
        """Text of the page's content, with single spaces."""
        content = self.soup.find(id="content") or self.soup
        return " ".join(content.get_text(" ").split())

    @property
    def title(self) -> str:
        found = self.soup.find("h1")
        return " ".join(found.get_text(" ").split()) if found else ""

    def form(self, button: str) -> Tag:
        """Form with this button."""
        for form in self.soup.find_all("form"):
            if any(each.get_text(" ", strip=True) == button for each in form.find_all("button")):
                return form
        raise AssertionError(f"no form with a button {button!r} on {self.url}: {self.text[:2000]}")

    def refusal(self, label: str) -> str:
        """Reason why the control with this label is disabled; empty if it is not."""
        for control in self.soup.select(".control"):
            shown = control.find(["summary", "button"])
            if shown is not None and shown.get_text(" ", strip=True) == label:
                why = control.find(class_="why") if shown.has_attr("disabled") else None
                return why.get_text(strip=True) if why else ""
        raise AssertionError(f"no control {label!r} on {self.url}")

    async def submit(self, button: str, **fields: str | list[str]) -> ExplorerPage:
        """Fill in and send the form with this button, as a browser does."""
        form = self.form(button)
        sent: list[tuple[str, str]] = []
        for each in form.find_all(["input", "textarea", "select"]):
            name = str(each.get("name", ""))
            if not name or name in fields or each.has_attr("disabled"):
                continue
            if each.name == "select":
                chosen = each.find("option", selected=True) or each.find("option")
                sent.append((name, str(chosen.get("value", chosen.get_text())) if chosen else ""))
            elif each.name == "textarea":
                sent.append((name, each.get_text()))
            elif each.get("type") not in ("checkbox", "radio") or each.has_attr("checked"):
                sent.append((name, str(each.get("value", "on"))))
        names = {str(each.get("name")) for each in form.find_all(["input", "textarea", "select"])}
        assert fields.keys() <= names, f"the form {button!r} has no field {fields.keys() - names}"
        for name, value in fields.items():
            sent += [(name, each) for each in (value if isinstance(value, list) else [value])]
        target = self.url.join(URL(str(form["action"]), encoded=True))
        if str(form.get("method", "get")).lower() == "get":
            return await self.client.open(str(target.update_query(sent)))
        return await self.client.post(str(target), sent)


@dataclass(frozen=True, slots=True)
class ExplorerClient:
    """Browser of one person, with its cookies."""

    session: aiohttp.ClientSession
    base: URL

    async def open(self, path: str, **headers: str) -> ExplorerPage:
        """Open a page, by path or URL."""
        url = self.base.join(URL(path, encoded="%" in path))
        async with self.session.get(url, headers=_HEADERS | headers) as answer:
            return ExplorerPage(
                self, answer.status, answer.url, BeautifulSoup(await answer.text(), "html.parser")
            )

    async def post(self, path: str, fields: list[tuple[str, str]], **headers: str) -> ExplorerPage:
        """Send fields, as a form does."""
        url = self.base.join(URL(path, encoded="%" in path))
        data = aiohttp.FormData(fields)
        async with self.session.post(url, data=data, headers=_HEADERS | headers) as answer:
            return ExplorerPage(
                self, answer.status, answer.url, BeautifulSoup(await answer.text(), "html.parser")
            )

    async def sign_in(self, token: str) -> ExplorerPage:
        return await (await self.open("/explorer/sign-in")).submit("Sign in", token=token)


def new_browser(server: TestServer) -> ExplorerClient:
    """Browser of a person who has not signed in. Close its session."""
    return ExplorerClient(
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)), server.make_url("/")
    )
