"""A real provider and a real recipient, with a proxy between them that does harm."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

import model_sharing
from model_sharing.transport import bounds
from model_sharing_protocol.errors import SharingError
from support.network.fault_proxy import FaultProxy, random_fault
from support.processes.provider import SHARE, ProviderProcess, write_profile_for

MIB = 1024 * 1024
REF = "models:/vendor.ml_team.scorer/1"
FILES = {"weights.bin": os.urandom(34 * MIB + 12_345)} | {f"{n}.bin": os.urandom(30_000) for n in range(20)}
SIZE = sum(map(len, FILES.values()))
# What may be on the way, or in buffers, when both connections end.
IN_FLIGHT = 4 * MIB


@dataclass(frozen=True)
class ProxiedRecipient:
    """A mounted share whose provider is reached through a proxy, over two connections for files."""

    provider: ProviderProcess
    token: str
    proxy: FaultProxy
    profile: Path

    @property
    def vendor(self) -> model_sharing.Catalog:
        return model_sharing.catalog("vendor").with_limits(jobs=2)

    def fetch(self) -> None:
        """The whole version, byte for byte."""
        folder = self.vendor.snapshot(REF).folder
        assert {name: (folder / name).read_bytes() for name in FILES} == FILES

    def fetch_through_random_faults(self, seed: int) -> None:
        """Try until it works or a dozen connections were harmed; each failure has to be a clear one."""
        dice = random.Random(seed)
        self.proxy.faults = [random_fault(dice) for _ in range(12)]
        while self.proxy.faults:
            try:
                self.fetch()
            except SharingError as error:
                assert error.message.endswith(".")
                assert self.token not in error.message
            else:
                break
        gc.collect()  # of what Python itself leaves open when TLS breaks off early

    def wait_for(self, count: int) -> None:
        """Until so many more bytes have come through."""
        enough = self.proxy.bytes_to_client + count
        while self.proxy.bytes_to_client < enough:
            time.sleep(0.005)


@contextlib.contextmanager
def mounted_through_proxy(
    provider: ProviderProcess, token: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ProxiedRecipient]:
    if provider.certificate:
        # aiohttp has read it by now, as it was imported.
        monkeypatch.setenv("SSL_CERT_FILE", str(provider.certificate))
        monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", ssl.create_default_context())
    with FaultProxy(provider.port) as proxy:
        profile = write_profile_for(folder / "globex.share", token, proxy.port, provider.scheme)
        model_sharing.mount(profile, share=SHARE, name="vendor")
        proxy.bytes_to_client = proxy.connections = 0
        yield ProxiedRecipient(provider, token, proxy, profile)


@contextlib.contextmanager
def short_timeouts() -> Iterator[None]:
    """The recipient waits a second for bytes, and not a minute."""
    with pytest.MonkeyPatch.context() as patch:
        for bound in ("CONNECT_SECONDS", "HEADERS_SECONDS", "WINDOW_SECONDS"):
            patch.setattr(bounds, bound, 1.0)
        yield
