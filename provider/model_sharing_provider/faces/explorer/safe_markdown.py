"""Markdown of others, as HTML that is safe in a page of ours."""

from __future__ import annotations

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

_EXCERPT = 300
"""Characters of a text that are read for one line."""
_SCHEMES = ("https://", "http://", "mailto:")


def to_html(text: str) -> Markup:
    """Markdown of others as HTML: no HTML of theirs, no images, links to the web and to mail alone."""
    return Markup(_MARKDOWN.render(text))  # noqa: S704 - the renderer escapes all HTML in it


def beginning(text: str) -> str:
    """Beginning of a Markdown text, without its marks, for one line of a list."""
    tokens = _MARKDOWN.parse(text[:_EXCERPT])
    parts = []
    for token in tokens:
        # A break has no content.
        parts += [child.content if child.type != "softbreak" else " " for child in token.children or ()]
        parts.append(" ")
    return " ".join("".join(parts).split())


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
