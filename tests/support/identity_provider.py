"""A real identity provider that people sign in to the explorer at: Canaille, its pages driven over HTTP.

The provider has a port that is known before it is served, since its redirect URI is registered there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.federation import NewFederationPolicy
from support.explorer_client import ExplorerClient, ExplorerPage
from support.issuer import PASSWORD, USER, Issuer, running_issuer
from support.processes.provider import LOOPBACK
from support.processes.servers import free_port

CLIENT, CLIENT_SECRET = "explorer", "a secret of the explorer's"
NAME = "Globex"


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """Identity provider, at which the explorer at `public_url` is a client."""

    issuer: Issuer
    public_url: str

    @property
    def port(self) -> int:
        """Port to serve the explorer on."""
        return int(self.public_url.rpartition(":")[2])

    def settings(self, home: Path, secret_file: Path) -> Settings:
        """Settings of a provider whose people sign in here."""
        secret_file.write_text(f"{CLIENT_SECRET}\n")
        return Settings(
            home,
            public_url=self.public_url,
            allowed_issuer_networks=LOOPBACK,
            sign_in_issuer=self.issuer.url,
            sign_in_client_id=CLIENT,
            sign_in_client_secret_file=secret_file,
            sign_in_name=NAME,
        )

    def policy(self, subject: str = USER) -> NewFederationPolicy:
        return NewFederationPolicy(
            issuer=self.issuer.url, subject_claim="sub", subject=subject, audiences=(CLIENT,)
        )


@contextmanager
def running_identity_provider(folder: Path, *, host: str = "127.0.0.1") -> Iterator[IdentityProvider]:
    """Run one, for an explorer at that host."""
    public_url = f"http://{host}:{free_port()}"
    client = {
        "client_id": CLIENT,
        "client_secret": CLIENT_SECRET,
        "client_name": "Models of Acme",
        "client_uri": public_url,
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "redirect_uris": [f"{public_url}/explorer/sign-in/callback"],
        "scope": ["openid"],
        "token_endpoint_auth_method": "client_secret_basic",
        "audience": [CLIENT],
    }
    with running_issuer(folder, more_clients=[client]) as issuer:
        yield IdentityProvider(issuer, public_url)


async def sign_in_there(person: ExplorerClient, path: str = "/explorer") -> ExplorerPage:
    """Ask for a page, and sign in as `USER` on the pages of the identity provider; the page at the end."""
    page = await person.open(path)
    page = await person.open(link(page, f"Sign in with {NAME}"))
    if page.soup.find(id="loginform"):
        page = await page.submit("Continue", login=USER)
        page = await page.submit("Sign in", password=PASSWORD)
    return await refreshed(page)


async def refreshed(page: ExplorerPage) -> ExplorerPage:
    """Page that this one opens by itself, as a browser does; this one if it does not."""
    found = page.soup.find("meta", {"http-equiv": "refresh"})
    return await page.client.open(str(found["content"]).partition("url=")[2]) if found else page


def link(page: ExplorerPage, text: str) -> str:
    """Address of a link."""
    for each in page.soup.find_all("a"):
        if each.get_text(" ", strip=True) == text:
            return str(each["href"])
    raise AssertionError(f"no link {text!r} on {page.url}: {page.text[:2000]}")
