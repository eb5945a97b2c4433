"""Provider and recipient in processes that start in a moment, to be killed in hundreds."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

from model_sharing.api import blocking
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.serving.logs import set_up_logging
from model_sharing_provider.serving.server import run_server
from model_sharing_provider.serving.sockets import bound_sockets
from support.admin_client import AdminClient

# By name: the process that imports them does not look into the folder of this module.
_IMPORTED_ONCE = ["model_sharing.api.blocking", "model_sharing_provider.serving.server"]


def start(function: Callable[..., None], *arguments: object) -> BaseProcess:
    """Run a function of this module in a fork of a process that has imported both sides."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED_ONCE)
    process = context.Process(target=function, args=arguments)
    process.start()
    return process


def fetch(home: Path, ref: str, jobs: int) -> None:
    """A recipient fetches a version into its cache, over so many connections."""
    os.environ["MODEL_SHARING_HOME"] = str(home)
    blocking.catalog_of(ref).with_limits(jobs=jobs).snapshot(ref)


def serve(home: Path, port: int, serving: Path) -> None:
    """A provider serves; `serving` is there once it does."""
    set_up_logging("warning")
    (sockets,) = bound_sockets("127.0.0.1", port, 1)
    run_server(Settings(home), sockets, serving.touch)


def register(home: Path, folder: Path, name: str, acknowledged: Path) -> None:
    """A provider registers a folder again and again, and writes each version's number down when it has it."""

    async def work() -> None:
        async with open_provider(Settings(home)) as provider:
            admin = AdminClient.of(provider)
            with acknowledged.open("a") as file:
                while True:
                    version = await admin.register(folder, name)
                    print(version.version, file=file, flush=True)

    asyncio.run(work())
