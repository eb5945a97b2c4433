"""Shell completion of names: securables of this provider, from the first page of each listing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from model_sharing_protocol.console.shell_completion import Complete, completing
from model_sharing_protocol.names import SchemaName
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.cli.session import configured, is_made, run
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices

Look = Callable[[ProviderServices, Context, str], Awaitable[Iterable[str]]]


def _completing(look: Look) -> Complete:
    def look_up(typed: str) -> Iterable[str]:
        if not is_made(configured()):
            return []  # completing a name must not cause a first start
        return run(lambda provider, context: look(provider, context, typed))

    return completing(look_up)


async def _catalogs(provider: ProviderServices, context: Context, _typed: str) -> list[str]:
    return [each.name for each in (await provider.catalogs.page(context, PageRequest())).items]


async def _schemas(provider: ProviderServices, context: Context, typed: str) -> list[str]:
    """Schemas of the catalogs whose names begin as typed."""
    catalog, dot, _ = typed.partition(".")
    found: list[str] = []
    for name in await _catalogs(provider, context, typed):
        if name == catalog or (not dot and name.startswith(catalog)):
            page = await provider.catalogs.page_schemas(context, name, PageRequest())
            found += [str(each.full_name) for each in page.items]
    return found


async def _models(provider: ProviderServices, context: Context, typed: str) -> list[str]:
    """Models of the schema or catalog that was typed, or all models."""
    parts = typed.split(".")
    if len(parts) == 3:
        page = await provider.models.page(context, SchemaName(*parts[:2]), PageRequest())
    elif len(parts) == 2:
        page = await provider.models.search_catalog(context, PageRequest(), parts[0])
    else:
        page = await provider.models.search(context, PageRequest())
    return [str(each.full_name) for each in page.items]


async def _shares(provider: ProviderServices, context: Context, _typed: str) -> list[str]:
    return [each.name for each in (await provider.shares.page(context, PageRequest())).items]


async def _recipients(provider: ProviderServices, context: Context, _typed: str) -> list[str]:
    return [each.name for each in (await provider.recipients.page(context, PageRequest())).items]


complete_catalogs = _completing(_catalogs)
complete_schemas = _completing(_schemas)
complete_models = _completing(_models)
complete_shares = _completing(_shares)
complete_recipients = _completing(_recipients)
