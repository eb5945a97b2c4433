"""Environment files, from which MLflow would install a model's environment, to serve it, say.

Installing runs code: a source distribution's `setup.py`, a build backend. So the files may only name
packages, to be found where the recipient's own pip looks for them; whom to trust there was decided with that
index. For this a pin is as good as a range or a bare name, and extras and markers add nothing, so all of them
pass; what says where else to look (URLs, paths, options, other channels) does not. Nor do comments, since
MLflow writes none and pip finds the file's encoding in them.

pip, uv, MLflow, conda and PyYAML split lines, join them and decode bytes each in their own way, so the files
are plain ASCII in which all of them see the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from model_sharing.policy.finding import Finding

_MAX_BYTES = 256 * 1024
_MAX_LINE = 500
_CHANNELS = frozenset({"conda-forge", "defaults", "nodefaults"})
_CONSTRAINTS = "-c constraints.txt"
_REQUIREMENTS = "-r requirements.txt"
_PLACES = {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION = r"[A-Za-z0-9][A-Za-z0-9.*+!_-]*"
# As PEP 440 writes versions in their normal form, so that every reader of requirements takes them as such.
_EPOCH = r"(?:[0-9]+!)?"
_RELEASE = r"[0-9]+(?:\.[0-9]+)*"
_SUFFIX = r"(?:(?:a|b|rc)[0-9]+)?(?:\.post[0-9]+)?(?:\.dev[0-9]+)?"
_LOCAL = r"(?:\+[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)*)?"
_SPECIFIER = (
    rf"(?:(?:==|!=)[ \t]*{_EPOCH}{_RELEASE}(?:\.\*|{_SUFFIX}{_LOCAL})"
    rf"|(?:<=|>=|<|>)[ \t]*{_EPOCH}{_RELEASE}{_SUFFIX}"
    rf"|~=[ \t]*{_EPOCH}[0-9]+\.{_RELEASE}{_SUFFIX})"
)
# No hyphen in a marker: after a space it would begin an option.
_VARIABLE = (
    "python_version|python_full_version|os_name|sys_platform|platform_(?:machine|python_implementation"
    "|release|system|version)|implementation_(?:name|version)|extra"
)
_OPERAND = rf"""(?:(?:{_VARIABLE})\b|"[A-Za-z0-9_. ]*"|'[A-Za-z0-9_. ]*')"""
_COMPARISON = r"(?:[ \t]*(?:===?|!=|~=|<=?|>=?)[ \t]*|[ \t]+(?:not[ \t]+)?in[ \t]+)"
_CLAUSE = rf"[ \t]*(?:\([ \t]*)*{_OPERAND}{_COMPARISON}{_OPERAND}[ \t]*(?:\)[ \t]*)*"
_REQUIREMENT = re.compile(
    rf"(?P<name>{_NAME})[ \t]*"
    rf"(?:\[(?:{_NAME}(?:,[ \t]*{_NAME})*)?\][ \t]*)?"
    rf"(?P<version>{_SPECIFIER}(?:[ \t]*,[ \t]*{_SPECIFIER})*)?[ \t]*"
    rf"(?:;{_CLAUSE}(?:(?:and|or)\b{_CLAUSE})*)?"
)
_CONDA = re.compile(
    rf"(?P<name>{_NAME})"
    rf"(?P<version>(?:[ ]?(?:==?|!=|~=|<=|>=|<|>)|[ ]){_VERSION}(?:,(?:==?|!=|<=|>=|<|>){_VERSION})*)?"
    rf"(?:={_VERSION})?"
)
# pip and conda take a name that ends like this for a file of the model.
_ARCHIVE = re.compile(r".*\.(?:whl|zip|egg|conda|tgz|tbz2?|txz|tlz|tar(?:\.\w+)?)", re.IGNORECASE)
_PYTHON = re.compile(r"\d{1,2}\.\d{1,3}(?:\.\d{1,3})?")


def environment_findings(folder: Path, paths: frozenset[str]) -> Iterator[Finding]:
    """Findings about the environment files among `paths`: what could run code when they are installed."""
    for path in sorted(paths):
        name = path.casefold()
        if name in _FILES and path != name:
            yield Finding.of_file(path, f"is another file than {name!r} on some file systems only")
        elif name in _FILES:
            text = _plain_text(folder / path)
            if text is None:
                yield Finding.of_file(path, "is too large, or no plain ASCII text")
            else:
                for problem in _FILES[name](text, paths):
                    yield Finding.of_file(path, f"would install from elsewhere: {problem}")


def is_environment_file(path: str) -> bool:
    """True for a file from which MLflow would install a model's environment."""
    return path in _FILES


def environment_location_problems(env: Any) -> Iterator[str]:
    """Problem if the environment that `python_function` names is not in the files that are checked."""
    places = {"conda": env} if isinstance(env, str) else env or {}
    if not isinstance(places, dict) or any(_PLACES.get(kind) != file for kind, file in places.items()):
        yield f"the flavor 'python_function' has its environment in {str(env)[:80]!r}"


def _plain_text(path: Path) -> str | None:
    """Text of a file, if every reader of it decodes it and splits it into lines alike."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        text = path.read_bytes().decode("ascii").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError):
        return None
    return text if all(char.isprintable() or char in "\n\t" for char in text) else None


def _requirements(text: str, paths: frozenset[str]) -> Iterator[str]:
    for line in text.split("\n"):
        if line.strip(" \t"):
            yield from _requirement(line.strip(" \t"), paths)


def _constraints(text: str, paths: frozenset[str]) -> Iterator[str]:
    return _requirements(text, paths - {"constraints.txt"})  # not themselves again


def _conda(text: str, paths: frozenset[str]) -> Iterator[str]:
    environment = _plain_mapping(text, {"name", "channels", "dependencies"})
    if environment is None:
        yield "it is not a plain list of channels and dependencies"
        return
    if not re.fullmatch(r"[\w.-]*", str(environment.get("name", ""))):
        yield f"name: {str(environment['name'])[:80]!r}"
    for channel in _listed(environment, "channels"):
        if channel not in _CHANNELS:
            yield f"the channel {str(channel)[:80]!r}"
    for dependency in _listed(environment, "dependencies"):
        if isinstance(dependency, dict) and dependency.keys() == {"pip"}:
            for line in _listed(dependency, "pip"):
                yield from _requirement(line, paths)
        elif not _is_plain(_CONDA, dependency):
            yield repr(str(dependency)[:80])


def _python_env(text: str, paths: frozenset[str]) -> Iterator[str]:
    environment = _plain_mapping(text, {"python", "build_dependencies", "dependencies"})
    if environment is None:
        yield "it is not a plain list of dependencies"
        return
    python = environment.get("python")
    if python is not None and not (isinstance(python, str) and _PYTHON.fullmatch(python)):
        yield f"python: {str(python)[:80]!r}"  # uv would take a path for the interpreter to run
    for line in _listed(environment, "build_dependencies"):
        yield from _requirement(line, paths)
    for line in _listed(environment, "dependencies"):
        if line != _REQUIREMENTS or "requirements.txt" not in paths:
            yield from _requirement(line, paths)


def _requirement(line: Any, paths: frozenset[str]) -> Iterator[str]:
    if line == _CONSTRAINTS and "constraints.txt" in paths:
        return
    if not _is_plain(_REQUIREMENT, line):
        yield repr(str(line)[:80])


def _is_plain(pattern: re.Pattern[str], line: Any) -> bool:
    found = pattern.fullmatch(line) if isinstance(line, str) and len(line) <= _MAX_LINE else None
    return found is not None and not any(
        _ARCHIVE.fullmatch((part or "").strip()) for part in (found["name"], found["version"], line)
    )


def _listed(mapping: dict[str, Any], key: str) -> list[Any]:
    """List at `key`; whatever else is there, as the one item of a list, which nothing lets pass."""
    found = mapping.get(key)
    return found if isinstance(found, list) else [] if found is None else [(found,)]


def _plain_mapping(text: str, keys: set[str]) -> dict[str, Any] | None:
    """Mapping in YAML of which every reader sees the same: no tags, anchors, merged or repeated keys."""
    try:
        tokens = list(yaml.scan(text, Loader=yaml.SafeLoader))
        if any(isinstance(token, _PECULIAR) for token in tokens):
            return None
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if not isinstance(node, yaml.MappingNode) or _has_peculiar_keys(node):
            return None
        mapping = yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError):
        return None
    return mapping if isinstance(mapping, dict) and mapping.keys() <= keys else None


def _has_peculiar_keys(node: yaml.Node) -> bool:
    if isinstance(node, yaml.SequenceNode):
        return any(_has_peculiar_keys(item) for item in node.value)
    if not isinstance(node, yaml.MappingNode):
        return False
    keys = [key.value for key, _ in node.value if key.tag == "tag:yaml.org,2002:str"]
    return len(set(keys)) < len(node.value) or any(_has_peculiar_keys(value) for _, value in node.value)


_PECULIAR = (yaml.TagToken, yaml.AnchorToken, yaml.AliasToken, yaml.DirectiveToken, yaml.DocumentStartToken)
_FILES: dict[str, Callable[[str, frozenset[str]], Iterator[str]]] = {
    "requirements.txt": _requirements,
    "constraints.txt": _constraints,
    "conda.yaml": _conda,
    "python_env.yaml": _python_env,
}
