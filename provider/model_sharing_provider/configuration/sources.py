"""Sources of settings: the environment takes precedence over the file, and the file over defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_sharing_protocol.errors import InvalidParameter, SharingError
from model_sharing_protocol.text_files import decode_text
from model_sharing_provider.configuration.rows import PREFIX, Setting
from model_sharing_provider.configuration.settings import TABLE, Settings

CONFIG_VARIABLE = f"{PREFIX}CONFIG"
"""Variable with the path of the TOML file, unless `--config` is given."""
_FORMER_PREFIX = "MODEL_SHARING_"
_FORMER_HOME_KEY = "provider_home"


@dataclass(frozen=True, slots=True)
class ConfiguredValue:
    """Value of a setting, and its source."""

    value: Any
    source: str


def read_settings(file: Path | None = None) -> Settings:
    """Read all settings. Raises InvalidParameter for an invalid value or unknown key, naming its source."""
    return Settings(**{name: found.value for name, found in read_configured(file).items()})


def read_configured(file: Path | None = None) -> dict[str, ConfiguredValue]:
    """Read the given values by field of `Settings`; empty variables are ignored. Raises InvalidParameter."""
    _, named = _read_variable(CONFIG_VARIABLE)
    file = file or (Path(named) if named else None)
    in_file = _read(file) if file else {}
    found: dict[str, ConfiguredValue] = {}
    for name, setting in TABLE.items():
        variable, text = _read_variable(setting.variable)
        if text:
            source = "environment" if variable == setting.variable else f"environment ({variable})"
            found[name] = ConfiguredValue(parse(setting, text, variable), source)
        elif setting.key in in_file:
            value = parse(setting, _as_text(in_file[setting.key]), f"{setting.key} in {file}")
            found[name] = ConfiguredValue(value, str(file))
    return found


def former_names_in_use() -> dict[str, str]:
    """Variables that are set by their former names only, with the names that they have now."""
    current = [CONFIG_VARIABLE, *(setting.variable for setting in TABLE.values())]
    read = {name: _read_variable(name) for name in current}
    return {variable: name for name, (variable, text) in read.items() if text and variable != name}


def _read_variable(name: str) -> tuple[str, str]:
    """An environment variable's name and text; where it is unset, those of the name that it had before 0.1.0.

    That was without `PROVIDER_`, but for the home: `MODEL_SHARING_HOME` is the recipient's.
    """
    former = _FORMER_PREFIX + name.removeprefix(PREFIX)
    if not os.environ.get(name) and name != f"{PREFIX}HOME" and (text := os.environ.get(former)):
        return former, text
    return name, os.environ.get(name, "")


def parse(setting: Setting, text: str, source: str) -> Any:
    """Parse the text of a setting. Raises InvalidParameter, without the text if it may be secret."""
    try:
        return setting.kind.parse(text)
    except ValueError:
        said = "" if setting.kind.shown else f" is {text!r}; it"
        raise InvalidParameter(f"{source}{said} must be {setting.kind.form}.") from None
    except SharingError as error:
        raise InvalidParameter(f"{source} cannot be used: {error.message}") from error


def _read(file: Path) -> Mapping[str, Any]:
    import difflib  # noqa: PLC0415 - most have no file
    import tomllib  # noqa: PLC0415

    try:
        content = tomllib.loads(decode_text(file.read_bytes()))
    except OSError as error:
        raise InvalidParameter(f"The settings file {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InvalidParameter(f"The settings file {file} is not TOML: {error}.") from error
    if _FORMER_HOME_KEY in content:
        content.setdefault("home", content.pop(_FORMER_HOME_KEY))
    known = [setting.key for setting in TABLE.values()]
    for key in content.keys() - known:
        nearest = difflib.get_close_matches(key, known, 1, cutoff=0)[0]
        raise InvalidParameter(
            f"The settings file {file} sets {key!r}, which is not a setting; the nearest is {nearest!r}."
        )
    return content


def _as_text(value: object) -> str:
    """Value of the file as text, as in the environment."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value)
