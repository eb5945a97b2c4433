"""`settings` commands, and settings as options of other commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from model_sharing_protocol.console.help_examples import example
from model_sharing_protocol.console.options import output_option
from model_sharing_protocol.console.output import say_lines
from model_sharing_protocol.console.results import show_list
from model_sharing_provider.cli.records import Record
from model_sharing_provider.cli.session import config_file
from model_sharing_provider.configuration.kinds import YES_OR_NO
from model_sharing_provider.configuration.rows import Setting
from model_sharing_provider.configuration.settings import TABLE, Settings
from model_sharing_provider.configuration.sources import parse, read_configured

F = TypeVar("F", bound=Callable[..., Any])

_REFERENCE = """\
# Settings of the provider

Each is a variable in the environment, or a key in the TOML file that `--config` or
`MODEL_SHARING_PROVIDER_CONFIG` names. The environment takes precedence over the file; an empty variable
sets nothing. A setting whose name begins with `MODEL_SHARING_PROVIDER_SERVE_` is also an option of
`model-sharing-provider serve`, which takes precedence over both (`--port`). A key in the file that is
not a setting is an error.

```toml
# /etc/model-sharing.toml
home = "/var/lib/model-sharing"
public_url = "https://models.acme.example"
external_locations = ["s3://lake/models", "file:///srv/models"]
serve_port = 8642
```

`model-sharing-provider settings show` shows the values in effect and where each came from, without secrets.
In 0.1 a variable is also read by its former name, without `PROVIDER_`, if the current one is unset.

| variable | key in the file | type | default | meaning |
|---|---|---|---|---|
"""


class _SettingType(click.ParamType[Any]):
    def __init__(self, setting: Setting, flag: str) -> None:
        self._setting, self._flag = setting, flag
        self.name = flag.rpartition("-")[2]

    def convert(self, value: Any, _param: click.Parameter | None, _ctx: click.Context | None) -> Any:
        return parse(self._setting, value, self._flag)


def setting_options(prefix: str) -> Callable[[F], F]:
    """Options for all settings whose names begin with `prefix`; pass their values to `configured`."""

    def decorate(command: F) -> F:
        for field, setting in reversed(TABLE.items()):
            if setting.name.startswith(prefix):
                word = setting.name.removeprefix(prefix).lower().replace("_", "-")
                flag = f"--{word}"
                text = f"{setting.meaning[0].upper()}{setting.meaning[1:]}.  [default: {setting.unset}]"
                if setting.kind is YES_OR_NO:
                    command = click.option(f"{flag}/--no-{word}", field, default=None, help=text)(command)
                    continue
                command = click.option(flag, field, type=_SettingType(setting, flag), help=text)(command)
        return command

    return decorate


@click.group(epilog=example("model-sharing-provider settings show"))
def settings() -> None:
    """Settings: their reference, and the values in effect."""


@settings.command(epilog=example("model-sharing-provider settings show"))
@output_option
def show(output: str) -> None:
    """Show the values in effect and where each came from; secrets are not shown."""
    configured = read_configured(config_file())
    defaults = Settings()
    records: list[Record] = []
    for field, setting in TABLE.items():
        found = configured.get(field)
        value = found.value if found else getattr(defaults, field)
        shown = setting.kind.shown(value) if found and setting.kind.shown else value
        source = found.source if found else "default"
        records.append({"setting": setting.variable, "value": _cell(shown), "source": source})
    show_list(records, ["setting", "value", "source"], output)


@settings.command(epilog=example("model-sharing-provider settings reference > settings.md"))
def reference() -> None:
    """Print the reference of settings, as Markdown."""
    say_lines(reference_page())


def reference_page() -> str:
    rows = (
        f"| `{each.variable}` | `{each.key}` | {each.kind.form} | {each.unset} | {each.meaning} |\n"
        for each in TABLE.values()
    )
    return _REFERENCE + "".join(rows)


def _cell(value: object) -> object:
    return (
        value if isinstance(value, int) else ",".join(value) if isinstance(value, tuple) else str(value or "")
    )
