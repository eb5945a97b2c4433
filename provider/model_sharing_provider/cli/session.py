"""Run a command's coroutine against an open provider, as its administrator."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from model_sharing_protocol.console.output import announce
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.cli.records import Record, to_record
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.configuration.sources import read_settings
from model_sharing_provider.domain.principals import Caller
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices
from model_sharing_provider.serving.logs import set_up_logging

T = TypeVar("T")


def config_file() -> Path | None:
    """Configuration file of `--config`."""
    file: Path | None = click.get_current_context().find_root().params.get("config")
    return file


def configured(**told: Any) -> Settings:
    """Settings of this command; values of its options take precedence. Raises InvalidParameter."""
    given = {name: value for name, value in told.items() if value is not None}
    return replace(read_settings(config_file()), **given)


def is_made(settings: Settings) -> bool:
    """True after the first start, as far as files show: reading must not cause one."""
    return bool(settings.postgresql_url) or settings.database_path.exists()


def run(command: Callable[[ProviderServices, Context], Awaitable[T]], *, lost_keys: bool = False) -> T:
    """Run a command as administrator, as anybody is who can open the provider's home, by its permissions."""

    settings = configured()
    set_up_logging(settings.log_level, settings.log_format)

    async def session() -> T:
        async with open_provider(settings, announce, lost_keys=lost_keys) as provider:
            context = provider.context(Caller(provider.administrator, "cli"))
            return await command(provider, context)

    return asyncio.run(session())


def listed(
    read: Callable[[ProviderServices, Context, PageRequest], Awaitable[Page[T]]],
    record: Callable[[T], Record] = to_record,
) -> list[Record]:
    """Records of a whole paged listing, read by a command."""
    return run(lambda provider, context: collect(lambda page: read(provider, context, page), record))


async def collect(
    read: Callable[[PageRequest], Awaitable[Page[T]]], record: Callable[[T], Record] = to_record
) -> list[Record]:
    """Records of a whole paged listing."""
    records: list[Record] = []
    request = PageRequest()
    while True:
        page = await read(request)
        records.extend(record(item) for item in page.items)
        if page.last_key is None:
            return records
        request = PageRequest(after=page.last_key)
