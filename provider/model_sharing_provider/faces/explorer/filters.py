"""Filters of templates: times, sizes, numbers, and text of others as safe Markdown."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape

from model_sharing_protocol.console.output import human_size
from model_sharing_protocol.times import iso, now_ms

_UNITS = (("year", 365 * 86400), ("month", 30 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60))
_EXCERPT = 300
"""Characters of a text that are read for one line."""
_SCHEMES = ("https://", "http://", "mailto:")


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
    """Markdown of others as HTML: no HTML of theirs, no images, links to the web and to mail alone."""
    return Markup(_MARKDOWN.render(text))  # noqa: S704 - the renderer escapes all HTML in it


def excerpt(text: str) -> str:
    """Beginning of a Markdown text, without its marks, for one line of a list."""
    tokens = _MARKDOWN.parse(text[:_EXCERPT])
    parts = []
    for token in tokens:
        # A break has no content.
        parts += [child.content if child.type != "softbreak" else " " for child in token.children or ()]
        parts.append(" ")
    return " ".join("".join(parts).split())


def shell_word(text: object) -> str:
    """Text as one word of a shell, in a line that people will copy: names may have `$`, `;` and quotes."""
    return shlex.quote(str(text))


def python_literal(text: object) -> str:
    """Text as a literal of Python, in double quotes."""
    return json.dumps(str(text), ensure_ascii=False)


def lines(text: str) -> Markup:
    """Text with its line breaks."""
    return Markup("<br>").join(escape(line) for line in text.splitlines())


class _Renderer(RendererHTML):
    def heading_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        # A page has one heading of the first level, its own, and sections of the second.
        tokens[index].tag = f"h{min(6, int(tokens[index].tag[1]) + 2)}"
        return self.renderToken(tokens, index, options, env)

    heading_close = heading_open

    def th_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        tokens[index].attrSet("scope", "col")
        return self.renderToken(tokens, index, options, env)

    def link_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        tokens[index].attrSet("rel", "noopener noreferrer nofollow")
        return self.renderToken(tokens, index, options, env)


def _safe_markdown() -> MarkdownIt:
    parser = MarkdownIt("js-default", {"html": False}, renderer_cls=_Renderer).disable("image")
    parser.validateLink = lambda url: url.lower().startswith(_SCHEMES)  # type: ignore[method-assign]
    return parser


_MARKDOWN = _safe_markdown()

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
