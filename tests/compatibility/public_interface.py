"""The public interface of this release, one line each: what docs/compatibility.md promises to keep.

At a release, keep what it offers from then on:

    .venv/bin/python tests/compatibility/public_interface.py > tests/compatibility/0.1.0.txt
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import fields

import click
import msgspec
from prometheus_client.metrics import MetricWrapperBase

import model_sharing
from model_sharing import settings as recipient_settings
from model_sharing.cli.main import cli as recipient_cli
from model_sharing.policy import check_inert
from model_sharing_protocol import dsse, errors, manifest, signatures, signing_keys
from model_sharing_provider.cli.main import cli as provider_cli
from model_sharing_provider.cli.records import FIELDS
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.faces.table import APIS
from model_sharing_provider.http import backend_metrics, metrics
from model_sharing_provider.http.openapi import document


def public_interface() -> Iterator[str]:
    """Each name, parameter, field and number that others may rely on."""
    yield from _python_api()
    yield from _errors()
    yield from _commands()
    yield from _records()
    yield from _settings()
    yield from _metrics()
    yield from (f"audit action {action.value}" for action in AuditAction)
    yield from _http_apis()


def _python_api() -> Iterator[str]:
    for name in model_sharing.__all__:
        public = getattr(model_sharing, name)
        yield f"python {name}"
        if inspect.isclass(public):
            for member in _members(public):
                yield f"python {name}.{member}"
                yield from _parameters(f"{name}.{member}", getattr(public, member, None))
        else:
            yield from _parameters(name, public)
    yield from _parameters("policy.check_inert", check_inert)
    for module in (dsse, manifest, signatures, signing_keys):
        yield f"python module {module.__name__}"


def _members(public: type) -> list[str]:
    """Attributes that are ours, without those that make instances."""
    ours = [kind for kind in public.__mro__ if kind.__module__.startswith("model_sharing")]
    names = {name for kind in ours for name in (*vars(kind), *inspect.get_annotations(kind))}
    return sorted(
        name
        for name in names
        if not name.startswith("_") and not inspect.ismethod(getattr(public, name, None))
    )


def _parameters(name: str, public: object) -> Iterator[str]:
    if inspect.isroutine(public):
        for parameter in inspect.signature(public).parameters:
            if parameter != "self":
                yield f"python {name}({parameter})"


def _errors() -> Iterator[str]:
    for error in vars(errors).values():
        if not (inspect.isclass(error) and issubclass(error, errors.SharingError)):
            continue
        row = error.row
        yield f"exit code {row.exit_code} {error.__name__}"
        if not issubclass(error, errors.LocalError):
            yield f"error answer {error.__name__} {row.open_sharing_status} {row.open_sharing_code}"
            yield f"error answer {error.__name__} {row.unity_catalog_status} {row.unity_catalog_code}"


def _commands() -> Iterator[str]:
    for program, cli in (("model-sharing", recipient_cli), ("model-sharing-provider", provider_cli)):
        yield from _command(program, cli)


def _command(name: str, command: click.Command) -> Iterator[str]:
    yield f"command {name}"
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            yield f"command {name} {parameter.make_metavar(click.Context(command))}"
        else:
            yield from (f"command {name} {option}" for option in (*parameter.opts, *parameter.secondary_opts))
    if isinstance(command, click.Group):
        context = click.Context(command)
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from _command(f"{name} {child}", found)


def _records() -> Iterator[str]:
    for kind, named in FIELDS.items():
        yield from (f"json field {kind}.{field}" for field in named)


def _settings() -> Iterator[str]:
    yield from (f"setting {each.metadata['setting'].variable}" for each in fields(Settings))
    for name, value in vars(recipient_settings).items():
        if name.endswith("_VARIABLE"):
            yield f"setting {value}"


def _metrics() -> Iterator[str]:
    for module in (metrics, backend_metrics):
        for metric in vars(module).values():
            if isinstance(metric, MetricWrapperBase):
                (family,) = metric.describe()
                yield f"metric {family.name} {family.type} {' '.join(metric._labelnames)}".rstrip()


def _http_apis() -> Iterator[str]:
    for face in APIS:
        if not face.title:
            continue
        described = msgspec.to_builtins(document(face, APIS))
        for path, operations in described["paths"].items():
            yield from (f"route {method.upper()} {path}" for method in operations if method != "parameters")
        for message, schema in described["components"]["schemas"].items():
            yield from (f"message {message}.{field}" for field in schema.get("properties", ()))


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in sorted(set(public_interface())))
