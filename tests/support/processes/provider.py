"""A served provider in a process of its own, to be killed and started again, and a model for it to share."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Self, TypeVar

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_protocol.profile import write_profile
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from support.admin_client import AdminClient
from support.processes.servers import free_port

MODEL = "prod.ml_team.scorer"
SHARE = "acme_share"
LOOPBACK = ("127.0.0.0/8",)
"""Where other providers are in tests."""
T = TypeVar("T")


class ProviderProcess:
    """`model-sharing-provider serve` on a home; the port stays the same from start to start.

    With `certificate`, a PEM file, it speaks https. `prelude` is Python that the process runs first. What it
    says goes to `log`, if there is one, down to what it says for debugging.
    Use it as a context manager, or call `start` and `kill`.
    """

    process: subprocess.Popen[bytes]

    def __init__(
        self,
        home: Path,
        certificate: Path | None = None,
        prelude: str = "",
        *,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.home = home
        self.port = free_port()
        self.certificate = certificate
        self.log = log
        program = f"{prelude}\nfrom model_sharing_provider.cli import main; main()"
        secured = ["--tls-certificate", str(certificate)] if certificate else []
        self._command = [sys.executable, "-c", program, "serve", "--port", str(self.port), *secured, *options]
        own = {"MODEL_SHARING_PROVIDER_HOME": str(home), "MODEL_SHARING_PROVIDER_LOG": "debug"}
        self._environment = {**os.environ, **own, **(environment or {})}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    @property
    def scheme(self) -> str:
        return "https" if self.certificate else "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        assert self.log is not None
        return self.log.read_text()

    def start(self) -> None:
        """Return when it serves."""
        address = self.home / "server.url"
        address.unlink(missing_ok=True)
        with Path(self.log or os.devnull).open("ab") as log:
            self.process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)
        while not address.exists():
            assert self.process.poll() is None, self.said if self.log else "the provider ended as it started"
            time.sleep(0.02)

    def kill(self) -> None:
        """Let nothing finish: SIGKILL."""
        self.process.kill()
        self.process.wait()


def share_model(home: Path, *folders: Path) -> str:
    """Register each folder as the next version of MODEL, and share it with globex; globex's token."""

    async def work(admin: AdminClient) -> str:
        for folder in folders:
            await admin.register(folder, MODEL, "Champion")
        return (await admin.activate(await admin.share(SHARE, "globex", MODEL), "http://x")).bearer_token

    return as_admin(home, work)


def invite(home: Path, recipient: str) -> str:
    """Grant the share to another recipient; its token."""

    async def work(admin: AdminClient) -> str:
        _, code = await admin.provider.recipients.create(admin.context, recipient)
        await admin.provider.share_permissions.grant(admin.context, SHARE, recipient)
        return (await admin.activate(code, "http://x")).bearer_token

    return as_admin(home, work)


def renew_token(home: Path, recipient: str) -> str:
    """End a recipient's token at once; its next one."""

    async def work(admin: AdminClient) -> str:
        rotate = admin.provider.recipients.rotate_token
        code = await rotate(admin.context, recipient, existing_expires_in=timedelta(0))
        return (await admin.activate(code, "http://x")).bearer_token

    return as_admin(home, work)


def as_admin(of: Path | Settings, work: Callable[[AdminClient], Awaitable[T]]) -> T:
    """Work of an administrator on a provider's home, or by its settings, beside its servers."""

    async def opened() -> T:
        async with open_provider(of if isinstance(of, Settings) else Settings(of)) as provider:
            return await work(AdminClient.of(provider))

    return asyncio.run(opened())


def write_profile_for(path: Path, token: str, port: int, scheme: str = "http") -> Path:
    """A profile file whose endpoint is a port of this machine: the provider's, or one in front of it."""
    endpoint = f"{scheme}://127.0.0.1:{port}{PREFIX}"
    fields = {"shareCredentialsVersion": 1, "endpoint": endpoint, "bearerToken": token}
    write_profile(json.dumps(fields).encode(), path)
    return path
