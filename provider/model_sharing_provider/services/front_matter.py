"""Front matter: the YAML between two lines `---` at the start of a Markdown file, such as a model card."""

from __future__ import annotations

from typing import Any

from model_sharing_protocol.errors import InvalidParameter

MAX_FRONT_MATTER_BYTES = 64 * 1024
_FENCE = "---"
_BLANKS = " \t"


def parse_front_matter(start: bytes, *, as_text: bool = False) -> dict[str, Any]:
    """Parse the front matter of a file that starts with these bytes; with `as_text`, each scalar is text.

    Raises InvalidParameter for what has none, or has another document than a map between its lines; with
    `as_text` also for what other readers of YAML understand differently, who would see what is not said here.
    """
    from model_sharing_provider.services.yaml_loaders import LOAD_ERRORS, load  # noqa: PLC0415 - slow to import

    text = start[:MAX_FRONT_MATTER_BYTES].decode(errors="replace").removeprefix("\ufeff")
    # Not `splitlines`: others take no U+2028 for the end of a line, and would read on after such a fence.
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].rstrip(_BLANKS) != _FENCE:
        raise InvalidParameter("it does not start with a line ---, and front matter after it")
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip(_BLANKS) == _FENCE), None)
    if end is None:
        raise InvalidParameter(f"no second line --- ends its front matter in {MAX_FRONT_MATTER_BYTES} bytes")
    if as_text and any(line and line.splitlines() != [line] for line in lines[:end]):
        raise InvalidParameter("its front matter has other ends of lines than LF and CRLF")
    try:
        found = load("\n".join(lines[1:end]), as_text=as_text)
    except LOAD_ERRORS as error:
        raise InvalidParameter(f"its front matter is not YAML that is read here{_where(error)}") from error
    if not isinstance(found, dict):
        raise InvalidParameter("its front matter is not a map of names to values")
    return found


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or ""
    # The first line of the file is the fence.
    return f": {problem} in line {mark.line + 2}" if mark is not None else f": {problem}" if problem else ""
