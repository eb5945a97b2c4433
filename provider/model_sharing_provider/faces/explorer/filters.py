"""Filters of templates: times, sizes, numbers, and text of others as safe Markdown."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime

from markupsafe import Markup, escape

from model_sharing_protocol.console.output import human_size
from model_sharing_protocol.times import iso, now_ms

_UNITS = (("year", 365 * 86400), ("month", 30 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60))


def when(moment: int | None) -> Markup:
    """Time relative to now, with the exact one when it is pointed at; `moment` is epoch ms."""
    if moment is None:
        return Markup('<span class="quiet">never</span>')
    text = Markup('<time datetime="{0}" title="{0}">{1}</time>')
    return text.format(iso(moment), _relative((moment - now_ms()) / 1000))


def _relative(seconds: float) -> str:
    """Duration in words: `3 days ago`, `in 2 hours`."""
    for unit, length in _UNITS:
        if abs(seconds) >= length:
            number = int(abs(seconds) // length)
            words = f"{number} {unit}{'s' if number > 1 else ''}"
            return f"in {words}" if seconds > 0 else f"{words} ago"
    return "in less than a minute" if seconds > 0 else "just now"


def day(moment: int) -> str:
    """Day of a moment in epoch ms, in UTC: `2026-11-27`."""
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%d")


def size(number: int | None) -> str:
    """Size in bytes, in words: `1.5 MiB`; a dash if it is not known."""
    return "\N{EN DASH}" if number is None else human_size(number)


def markdown(text: str) -> Markup:
    """Markdown of others as HTML that is safe."""
    from model_sharing_provider.faces.explorer.safe_markdown import to_html  # noqa: PLC0415 - slow to import

    return to_html(text)


def excerpt(text: str) -> str:
    """Beginning of a Markdown text, without its marks, for one line of a list."""
    from model_sharing_provider.faces.explorer.safe_markdown import beginning  # noqa: PLC0415

    return beginning(text)


def shell_word(text: object) -> str:
    """Text as one word of a shell, in a line that people will copy: names may have `$`, `;` and quotes."""
    return shlex.quote(str(text))


def python_literal(text: object) -> str:
    """Text as a literal of Python, in double quotes."""
    return json.dumps(str(text), ensure_ascii=False)


def lines(text: str) -> Markup:
    """Text with its line breaks."""
    return Markup("<br>").join(escape(line) for line in text.splitlines())


FILTERS = {
    "when": when,
    "iso": iso,
    "day": day,
    "size": size,
    "markdown": markdown,
    "excerpt": excerpt,
    "lines": lines,
    "sh": shell_word,
    "py": python_literal,
}
