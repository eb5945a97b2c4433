"""Rows of the privilege matrix: an operation, the privileges that it needs, and how to call it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices
from support.principals import SecurablePrivilege

Privileges = tuple[SecurablePrivilege, ...]


@dataclass(frozen=True, slots=True)
class Actor:
    """A principal at a provider, with a model's folder to register."""

    provider: ProviderServices
    context: Context
    folder: Path


Preparation = Callable[[Actor], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Row:
    """One way to be allowed a method of a service. `title` is `service.method`, or `service.method: case`.

    `prepare` makes what has to be there first, and returns the arguments that are known only then.
    """

    title: str
    needs: Privileges
    arguments: tuple[Any, ...]
    named: Mapping[str, Any] = field(default_factory=dict)
    prepare: Preparation | None = None

    @property
    def operation(self) -> str:
        return self.title.partition(":")[0]

    def __str__(self) -> str:
        return f"{self.title} with {', '.join(map(str, self.needs)) or 'nothing'}"

    async def call(self, actor: Actor, prepared: Mapping[str, Any] = {}) -> None:
        service, _, method = self.operation.partition(".")
        operation = getattr(getattr(actor.provider, service), method)
        await operation(actor.context, *self.arguments, **self.named, **prepared)


def row(
    title: str, needs: Privileges, *arguments: Any, prepare: Preparation | None = None, **named: Any
) -> Row:
    return Row(title, needs, arguments, named, prepare)


def rows(title: str, ways: tuple[Privileges, ...], *arguments: Any) -> list[Row]:
    """One row for each of several ways to be allowed the same."""
    return [row(title, needs, *arguments) for needs in ways]
