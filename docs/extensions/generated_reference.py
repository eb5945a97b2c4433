"""Reference pages made from the source as the site is built, so that none can be out of date.

A page has a line `<!-- generated: NAME -->` where the Markdown of that generator belongs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

import model_sharing
from model_sharing_protocol import errors
from model_sharing_provider.cli.audit import reference_page as audit_actions_page
from model_sharing_provider.cli.settings import reference_page as settings_page
from model_sharing_provider.faces.table import APIS
from model_sharing_provider.http import backend_metrics, metrics
from model_sharing_provider.http.openapi import document
from model_sharing_provider.http.routes import Face
from support.privilege_matrix.page import privilege_tables

_CLASS_OPTIONS = (
    "members:",
    "inherited-members: list, BaseException, object",
    "exclude-members: of, at",  # constructors that take messages of the protocol
)
_MARKER = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.MULTILINE)


def audit_actions() -> str:
    return _without_title(audit_actions_page())


def settings() -> str:
    return _without_title(settings_page())


def error_table() -> str:
    """One row for each class, parents before children."""
    rows = [
        (
            f"`{kind.__name__}`",
            _first_line(kind),
            kind.row.exit_code,
            *(
                ["never sent"] * 2
                if issubclass(kind, errors.LocalError)
                else [
                    f"{kind.row.open_sharing_status} `{kind.row.open_sharing_code}`",
                    f"{kind.row.unity_catalog_status} `{kind.row.unity_catalog_code}`",
                ]
            ),
        )
        for kind in _below(errors.SharingError)
        if kind is not errors.LocalError
    ]
    return _table(("error", "meaning", "exit code", "OpenSharing", "Unity Catalog, MLflow, Files"), rows)


def metric_table() -> str:
    found = [
        each
        for module in (metrics, backend_metrics)
        for each in vars(module).values()
        if isinstance(each, MetricWrapperBase)
    ]
    described = [(*each.describe(), each._labelnames) for each in found]
    rows = [
        (
            f"`{_exposed_name(metric)}`",
            metric.type,
            ", ".join(f"`{label}`" for label in labels),
            metric.documentation,
        )
        for metric, labels in described
    ]
    return _table(("metric", "type", "labels", "meaning"), rows)


def http_apis() -> str:
    return "\n".join(_http_api(face) for face in APIS if face.title)


def python_api() -> str:
    names = [name for name in model_sharing.__all__ if not name.startswith("_")]
    functions = sorted(name for name in names if name[0].islower())
    classes = sorted(set(names) - set(functions))
    return "\n".join(
        [
            "## Functions\n",
            *(_directive("autofunction", f"model_sharing.{name}") for name in functions),
            "## Classes and warnings\n",
            *(_directive("autoclass", f"model_sharing.{name}", *_CLASS_OPTIONS) for name in classes),
            "## Checks of a model's files\n",
            _directive("autofunction", "model_sharing.policy.check_inert"),
        ]
    )


def recipient_commands() -> str:
    return _directive("click", "model_sharing.cli.main:cli", "prog: model-sharing", "nested: full")


def provider_commands() -> str:
    return _directive(
        "click", "model_sharing_provider.cli.main:cli", "prog: model-sharing-provider", "nested: full"
    )


GENERATORS: dict[str, Callable[[], str]] = {
    "audit-actions": audit_actions,
    "errors": error_table,
    "http-api": http_apis,
    "metrics": metric_table,
    "model-sharing": recipient_commands,
    "model-sharing-provider": provider_commands,
    "privileges": privilege_tables,
    "python-api": python_api,
    "settings": settings,
}


def fill(_app: Sphinx, _page: str, source: list[str]) -> None:
    source[0] = _MARKER.sub(lambda marker: GENERATORS[marker[1]](), source[0])


def write_openapi(app: Sphinx, _failed: Exception | None) -> None:
    """Write the OpenAPI documents beside the pages, as a server serves them."""
    folder = Path(app.outdir) / "openapi"
    folder.mkdir(exist_ok=True)
    for face in APIS:
        if face.title:
            described = msgspec.json.encode(document(face, APIS))
            (folder / f"{face.name}.json").write_bytes(msgspec.json.format(described))


def examples_as_code(_app: Sphinx, _context: object, lines: list[str]) -> None:
    """Show the examples that end each command's help as a block of code."""
    texts = [line.removeprefix("| ").strip() for line in lines]
    examples = [f"   {text}" for text in texts[1:] if text]
    lines[:] = [texts[0], "", ".. code-block:: sh", "", *examples, ""] if examples else []


def _http_api(face: Face) -> str:
    described = msgspec.to_builtins(document(face, APIS))
    rows = [
        (method.upper(), f"`{path}`", operation.get("summary", ""))
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
        if isinstance(operation, dict)
    ]
    table = _table(("method", "path", "what it does"), rows)
    # The document is written beside the pages, where Sphinx does not know it as a target of links.
    download = f'<a href="../openapi/{face.name}.json" download>OpenAPI document</a>'
    return f"## {described['info']['title']}\n\n{download}\n\n{table}\n"


def _below(kind: type[errors.SharingError]) -> Iterator[type[errors.SharingError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _exposed_name(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def _first_line(described: object) -> str:
    return (described.__doc__ or "").split("\n\n")[0].replace("\n", " ").strip()


def _directive(name: str, argument: str, *options: str) -> str:
    lines = "".join(f"   :{option}\n" for option in options)
    return f"```{{eval-rst}}\n.. {name}:: {argument}\n{lines}```\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    heads = list(head)
    lines = [
        heads,
        ["---"] * len(heads),
        *([str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _without_title(page: str) -> str:
    return page.split("\n", 1)[1]


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("source-read", fill)
    app.connect("sphinx-click-process-epilog", examples_as_code)
    app.connect("build-finished", write_openapi)
    return {"version": "1", "parallel_read_safe": True}
