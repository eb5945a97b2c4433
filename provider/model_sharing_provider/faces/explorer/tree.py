"""Tree of catalogs, schemas and models beside their pages: what is open, children on demand, and a filter.

It is loaded by htmx, after its page. Without scripts, the pages' own links lead to the same places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from model_sharing_protocol.errors import SharingError
from model_sharing_protocol.names import SchemaName
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.domain.securables import ModelFilter, SecurableType
from model_sharing_provider.faces.explorer.listings import page_of, prefix_of
from model_sharing_provider.faces.explorer.page_routes import page
from model_sharing_provider.faces.explorer.rendering import render
from model_sharing_provider.http.requests import context_of, provider_of

_SECTIONS = ("catalogs", "schemas", "models")
_MOST_MATCHES = 20


@dataclass(frozen=True, slots=True)
class TreeNode:
    """Catalog, schema or model in the tree; `children` are None where they are not loaded yet."""

    name: str
    children: Branch | None = None

    @property
    def label(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def section(self) -> str:
        """Beginning of the path of its page."""
        return _SECTIONS[self.name.count(".")]

    @property
    def is_model(self) -> bool:
        return self.section == "models"


@dataclass(frozen=True, slots=True)
class Branch:
    """Children of a node, or the catalogs, as far as they are shown; `next` is the token of the others."""

    parent: str
    nodes: Sequence[TreeNode]
    next: str = ""


async def show_tree(request: web.Request) -> web.Response:
    """Catalogs, with the place open that `at` names; or what a filter finds."""
    at, prefix = prefix_of(request, "at"), prefix_of(request, "filter")
    matches = await _matches(request, prefix) if prefix else ()
    branch = Branch("", ()) if prefix else await _branch(request, "", at)
    template = "tree_list.html" if "filter" in request.query else "tree.html"
    return render(request, template, branch=branch, matches=matches, at=at, prefix=prefix)


async def show_children(request: web.Request) -> web.Response:
    """Children of a catalog or schema, or the next ones."""
    branch = await _branch(request, prefix_of(request, "of"), "")
    return render(request, "tree_branch.html", branch=branch, at="")


async def _branch(request: web.Request, parent: str, at: str) -> Branch:
    """Children of a catalog or schema, or the catalogs, with the place `at` open."""
    listing = f"explorer tree {parent}"
    wanted = page_of(request, listing)
    names, token = await _children(request, parent, wanted, listing)
    depth = parent.count(".") + 1 if parent else 0
    on_path = ".".join(at.split(".")[: depth + 1]) if at.count(".") >= depth and _is_below(at, parent) else ""
    if on_path and on_path not in names:
        # It is further down a long list, or may not be seen.
        found, _ = await _children(request, parent, PageRequest(1), listing, on_path.rpartition(".")[2])
        names = [*names, *(name for name in found if name == on_path)]
    nodes = [
        TreeNode(name, await _branch(request, name, at) if name == on_path and depth < 2 else None)
        for name in names
    ]
    return Branch(parent, nodes, token)


def _is_below(at: str, parent: str) -> bool:
    return not parent or at.startswith(f"{parent}.")


async def _children(
    request: web.Request, parent: str, wanted: PageRequest, listing: str, prefix: str = ""
) -> tuple[list[str], str]:
    """Full names of the children that the reader may see and that begin with `prefix`; and the next token."""
    provider, context = provider_of(request), context_of(request)
    if not parent:
        catalogs = await provider.catalogs.page(context, wanted, prefix)
        return [each.name for each in catalogs.items], catalogs.token(listing) or ""
    if await _refused(request, parent):
        return [], ""
    if "." not in parent:
        schemas = await provider.catalogs.page_schemas(context, parent, wanted, prefix)
        return [str(each.full_name) for each in schemas.items], schemas.token(listing) or ""
    schema = SchemaName.parse(parent)
    models = await provider.models.page(context, schema, wanted, ModelFilter(name_prefix=prefix))
    return [str(each.full_name) for each in models.items], models.token(listing) or ""


async def _refused(request: web.Request, parent: str) -> bool:
    """True for a catalog or schema that the reader may not use: its page says so."""
    kind = SecurableType.SCHEMA if "." in parent else SecurableType.CATALOG
    refusals = await provider_of(request).permissions.refusals(context_of(request), kind, parent)
    return bool(refusals["use"])


async def _matches(request: web.Request, prefix: str) -> list[TreeNode]:
    """Places that a text leads to: the beginning of a name, or of a full name down to its last part."""
    provider, context = provider_of(request), context_of(request)
    some = PageRequest(_MOST_MATCHES)
    parent, _, last = prefix.rpartition(".")
    if parent:
        try:
            names, _ = await _children(request, parent, some, "", last)
        except SharingError:
            names = []
        return [TreeNode(name) for name in names]
    names, _ = await _children(request, "", some, "", prefix)
    schemas = await provider.catalogs.search_schemas(context, prefix, _MOST_MATCHES)
    models = await provider.models.search(context, some, ModelFilter(name_prefix=prefix))
    names += [str(each.full_name) for each in schemas]
    names += [str(each.full_name) for each in models.items]
    return [TreeNode(name) for name in names]


ROUTES = (page("/tree", show_tree), page("/tree/children", show_children))
