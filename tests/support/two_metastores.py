"""Two metastores, each served by processes of its own: Acme's shares a model, Globex makes it a catalog."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.catalog import PermissionsChange, Privilege
from databricks.sdk.service.sharing import AuthenticationType
from link import Link

from model_sharing_protocol.files_api import PREFIX as FILES
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.mirrors import Mirror
from support.admin_client import AdminClient
from support.principals import create_user
from support.processes.provider import (
    MODEL,
    SHARE,
    ProviderProcess,
    as_admin,
    share_model,
    write_profile_for,
)

T = TypeVar("T")
VENDOR = "vendor"
ABROAD = MODEL.replace("prod", VENDOR, 1)


@dataclass(frozen=True)
class TwoMetastores:
    """Acme's server, Globex's servers over one metastore, and the link by which these reach Acme's."""

    acme: ProviderProcess
    link: Link
    profile: Path
    globex: Sequence[ProviderProcess]
    settings: Settings

    @property
    def workspace(self) -> WorkspaceClient:
        """Databricks' client of Globex's administrator, at the first of the servers."""
        return WorkspaceClient(host=self.globex[0].url, token=self.settings.admin_token_path.read_text())

    @property
    def workspace_at_home(self) -> WorkspaceClient:
        """Databricks' client of Acme's administrator."""
        return WorkspaceClient(host=self.acme.url, token=(self.acme.home / "admin.token").read_text())

    def add_provider(self) -> None:
        self.workspace.providers.create(
            "acme", AuthenticationType.TOKEN, recipient_profile_str=self.profile.read_text()
        )

    def create_catalog(self, name: str = VENDOR) -> None:
        self.workspace.catalogs.create(name, provider_name="acme", share_name=SHARE)

    def grant(self, who: str, *privileges: Privilege, on: str = VENDOR) -> None:
        """Privileges on a catalog of Globex's."""
        changes = [PermissionsChange(principal=who, add=list(privileges))]
        self.workspace.grants.update("CATALOG", on, changes=changes)

    def stranger(self, name: str) -> str:
        """The token of a new principal at Globex, who may do nothing."""

        async def create(admin: AdminClient) -> str:
            return (await create_user(admin, name)).token

        return self.at_globex(create)

    def colleague(self, name: str) -> str:
        """The token of a new principal at Globex, who may load what is in the catalog."""
        token = self.stranger(name)
        self.grant(name, Privilege.USE_CATALOG, Privilege.USE_SCHEMA, Privilege.EXECUTE)
        return token

    def reached_at(self, port: int, folder: Path) -> TwoMetastores:
        """The same, but Globex is given Acme's profile with another port of this machine."""
        token = json.loads(self.profile.read_text())["bearerToken"]
        return replace(self, profile=write_profile_for(folder / f"acme_at_{port}.share", token, port))

    def fetch(self, version: int, path: str, server: int = 0, *, model: str = ABROAD) -> bytes:
        """A file, from one of Globex's servers by the Files API. Raises what urllib raises."""
        url = f"{self.globex[server].url}{FILES}/files/Models/{model.replace('.', '/')}/{version}/{path}"
        request = urllib.request.Request(url)
        request.add_header("Authorization", f"Bearer {self.settings.admin_token_path.read_text()}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            content: bytes = answer.read()
        return content

    def mirror(self, catalog: str = VENDOR) -> Mirror:
        """A catalog's mirror, as it is in the rows."""

        async def find(admin: AdminClient) -> Mirror:
            async with admin.provider.database.read() as rows:
                return (await rows.registry_reads.mirrors())[catalog]

        return self.at_globex(find)

    def at_acme(self, work: Callable[[AdminClient], Awaitable[T]]) -> T:
        """Work of Acme's administrator, beside the server."""
        return as_admin(self.acme.home, work)

    def at_globex(self, work: Callable[[AdminClient], Awaitable[T]]) -> T:
        """Work of Globex's administrator, beside the servers."""
        return as_admin(self.settings, work)


@contextlib.contextmanager
def two_metastores(
    folder: Path,
    models: Sequence[Path],
    settings: Settings,
    *,
    servers: int = 1,
    delay_ms: float = 0.0,
    prelude: str = "",
) -> Iterator[TwoMetastores]:
    """Versions of MODEL from these folders, shared by Acme; `settings` and `prelude` are Globex's."""
    home = folder / "acme"
    token = share_model(home, *models)
    environment = {
        "MODEL_SHARING_PROVIDER_DATABASE_URL": settings.postgresql_url,
        "MODEL_SHARING_PROVIDER_ARTIFACT_ROOT": settings.artifact_root,
        "MODEL_SHARING_PROVIDER_ALLOWED_PROVIDER_NETWORKS": ",".join(settings.allowed_provider_networks),
    }
    with contextlib.ExitStack() as stack:
        acme = stack.enter_context(ProviderProcess(home))
        link = stack.enter_context(Link(acme.port, delay_ms=delay_ms))
        globex = [
            stack.enter_context(ProviderProcess(settings.home, prelude=prelude, environment=environment))
            for _ in range(servers)
        ]
        profile = write_profile_for(folder / "acme.share", token, link.port)
        yield TwoMetastores(acme, link, profile, globex, settings)
