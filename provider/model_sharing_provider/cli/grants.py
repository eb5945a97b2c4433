"""`grant` commands: privileges of the metastore's own principals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.results import show_done, show_list
from model_sharing_protocol.names import FullName, SchemaName, normalize_name
from model_sharing_provider.cli.records import to_record
from model_sharing_provider.cli.session import run
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.permissions import (
    PrivilegeChange,
    PrivilegeGrant,
    parse_privileges,
)
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices

F = TypeVar("F", bound=Callable[..., Any])

_TYPES = {
    "metastore": SecurableType.METASTORE,
    "catalog": SecurableType.CATALOG,
    "schema": SecurableType.SCHEMA,
    "model": SecurableType.MODEL,
    "function": SecurableType.MODEL,  # the type of models in Unity Catalog's grants
}


def _securable_arguments(command: F) -> F:
    kind = click.argument("word", metavar="TYPE", type=click.Choice(list(_TYPES), case_sensitive=False))
    return kind(click.argument("name")(command))


@click.group(
    epilog=example(
        "model-sharing-provider grant add catalog prod ann@example.com USE_CATALOG USE_SCHEMA EXECUTE"
    )
)
def grant() -> None:
    """Privileges of users, service principals and groups.

    TYPE is metastore, catalog, schema or model; NAME is its full name, and - for the metastore. A grant on a
    catalog or schema reaches all models in it, future ones too. Recipients get shares: see `share grant`.
    """


@grant.command(
    epilog=example(
        "model-sharing-provider grant add metastore - ann@example.com CREATE_CATALOG",
        "model-sharing-provider grant add model prod.ml_team.iris_model ann@example.com EXECUTE",
    )
)
@_securable_arguments
@click.argument("principal")
@click.argument("privileges", metavar="PRIVILEGE...", nargs=-1, required=True)
@output_option
def add(word: str, name: str, principal: str, privileges: Sequence[str], output: str) -> None:
    """Grant privileges to a principal, such as USE_CATALOG, CREATE_MODEL or EXECUTE."""
    kind, full_name = _securable(word, name)
    parsed = parse_privileges(kind, privileges)
    _update(kind, full_name, PrivilegeChange(principal, add=parsed), output)


@grant.command(
    epilog=example(
        "model-sharing-provider grant remove model prod.ml_team.iris_model ann@example.com EXECUTE"
    )
)
@_securable_arguments
@click.argument("principal")
@click.argument("privileges", metavar="PRIVILEGE...", nargs=-1, required=True)
@output_option
def remove(word: str, name: str, principal: str, privileges: Sequence[str], output: str) -> None:
    """Revoke privileges from a principal; inherited ones and those of its groups stay."""
    kind, full_name = _securable(word, name)
    parsed = parse_privileges(kind, privileges)
    _update(kind, full_name, PrivilegeChange(principal, remove=parsed), output)


@grant.command(
    "list", epilog=example("model-sharing-provider grant list model prod.ml_team.iris_model --effective")
)
@_securable_arguments
@click.option("--principal", default="", help="Only the grants of this principal.")
@click.option(
    "--effective", is_flag=True, help="Also privileges inherited from its schema, catalog or metastore."
)
@output_option
def list_grants(word: str, name: str, principal: str, effective: bool, output: str) -> None:
    """List the privileges granted on a securable, and where each was granted."""
    kind, full_name = _securable(word, name)

    def read(provider: ProviderServices, context: Context) -> Awaitable[list[PrivilegeGrant]]:
        ask = provider.permissions.effective if effective else provider.permissions.get
        return ask(context, kind, full_name, principal)

    columns = ["principal", "privilege", "securable_type", "full_name"]
    records = [to_record(each) for each in run(read)]
    show_list(records, columns, output, empty="No privileges are granted here.")


def _securable(word: str, name: str) -> tuple[SecurableType, str]:
    """Securable of a command. Raises InvalidParameter, UsageError for a metastore that is not `-`."""
    kind = _TYPES[word]
    if kind is SecurableType.MODEL:
        return kind, str(FullName.parse(name))
    if kind is SecurableType.SCHEMA:
        return kind, str(SchemaName.parse(name))
    if kind is SecurableType.CATALOG:
        return kind, normalize_name("catalog", name)
    if name != "-":
        raise click.UsageError(f"There is only one metastore; give - for its name, not {name!r}.")
    return kind, ""


def _update(kind: SecurableType, name: str, change: PrivilegeChange, output: str) -> None:
    """Change the grants of a principal; print for scripts its grants on the securable afterwards."""
    grants = run(lambda provider, context: provider.permissions.update(context, kind, name, [change]))
    held = [each.privilege for each in grants if each.principal == change.principal]
    words = ", ".join(sorted(change.add or change.remove))
    where = f"the {kind.lower()} {name}".rstrip()
    done = (
        f"Granted {words} on {where} to {change.principal}"
        if change.add
        else f"Revoked {words} on {where} from {change.principal}"
    )
    record = {
        "principal": change.principal,
        "securable_type": kind.value,
        "full_name": name,
        "privileges": held,
    }
    show_done(record, done, output)
