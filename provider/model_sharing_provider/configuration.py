"""Read the settings: the environment wins over the file, and the file over what holds when nobody says."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_sharing_protocol.errors import InvalidParameter, SharingError
from model_sharing_protocol.text_files import decode_text
from model_sharing_provider.settings import TABLE, Setting, Settings

CONFIG_VARIABLE = "MODEL_SHARING_CONFIG"
"""Names the TOML file where no `--config` does."""


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody set: the value, and where it was found."""

    value: Any
    source: str


def read_settings(file: Path | None = None) -> Settings:
    """Raises InvalidParameter for a value that cannot be used, or a key that is none, naming where it is."""
    return Settings(**{name: given.value for name, given in read_given(file).items()})


def read_given(file: Path | None = None) -> dict[str, Given]:
    """What is set, by the field of `Settings`; an empty variable sets nothing. Raises InvalidParameter."""
    file = file or (Path(named) if (named := os.environ.get(CONFIG_VARIABLE)) else None)
    in_file = _read(file) if file else {}
    found: dict[str, Given] = {}
    for name, setting in TABLE.items():
        if text := os.environ.get(setting.variable):
            found[name] = Given(parse(setting, text, setting.variable), "environment")
        elif setting.key in in_file:
            value = parse(setting, _as_text(in_file[setting.key]), f"{setting.key} in {file}")
            found[name] = Given(value, str(file))
    return found


def parse(setting: Setting, text: str, source: str) -> Any:
    """The value that `text` stands for. Raises InvalidParameter, without the text if it may be secret."""
    try:
        return setting.kind.parse(text)
    except ValueError:
        said = "" if setting.kind.shown else f" is {text!r}; it"
        raise InvalidParameter(f"{source}{said} must be {setting.kind.form}.") from None
    except SharingError as error:
        raise InvalidParameter(f"{source} cannot be used: {error.message}") from error


def _read(file: Path) -> Mapping[str, Any]:
    try:
        content = tomllib.loads(decode_text(file.read_bytes()))
    except OSError as error:
        raise InvalidParameter(f"The settings file {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InvalidParameter(f"The settings file {file} is not TOML: {error}.") from error
    known = [setting.key for setting in TABLE.values()]
    for key in content.keys() - known:
        nearest = difflib.get_close_matches(key, known, 1, cutoff=0)[0]
        raise InvalidParameter(
            f"The settings file {file} sets {key!r}, which is no setting; the nearest is {nearest!r}."
        )
    return content


def _as_text(value: object) -> str:
    """A value of the file as it would be written in the environment."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value)
