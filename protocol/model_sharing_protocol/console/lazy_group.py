"""Lazy groups: the module of a command is imported when it is called, so that others start fast."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

import click


class LazyGroup(click.Group):
    """Group that imports some of its commands, each given as `module:attribute`, when they are called."""

    def __init__(self, *args: Any, lazy: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self._lazy])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module, attribute = self._lazy[cmd_name].split(":")
        command = getattr(_import(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self._lazy[cmd_name]} is not a command")
        return command


def _import(name: str) -> ModuleType:
    """Import a module of commands, which stays in use, without garbage collections of it, now or later.

    They would look at a hundred thousand objects again and again, in a fifth of a command's time.
    """
    if name in sys.modules:
        return sys.modules[name]
    gc.disable()
    try:
        return import_module(name)
    finally:
        # Once: who calls commands again and again, as tests do, would keep the garbage of each time.
        if not gc.get_freeze_count():
            gc.freeze()
        gc.enable()
