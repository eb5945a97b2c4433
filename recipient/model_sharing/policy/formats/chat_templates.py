"""Chat templates: Jinja programs that render a conversation as the text that a model continues.

transformers renders them in a sandbox, others did not always. So a template has to be one that reaches for
nothing that a sandbox is for: it may compute with texts, lists and mappings. Where Jinja is not installed,
a rule about its text is used, which refuses more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from model_sharing.policy.finding import Finding

if TYPE_CHECKING:
    from jinja2 import Environment, nodes

_MAX_CHARACTERS = 512 * 1024
_METHODS = frozenset(
    name for kind in (str, list, dict, tuple) for name in vars(kind) if not name.startswith("_")
) - {"format", "format_map"}
_NEVER_INTERNAL = re.compile(r"(?!_|mro$|(?:gi|cr|ag|tb|f|func|im)_)\w+")
_DUNDER = re.compile(r"__[A-Za-z]|[A-Za-z]__")
_PLAIN_TEXT = re.compile(
    r"""\.\s*_|\[\s*['"]_|__[A-Za-z]|[A-Za-z]__|\|\s*attr\b|['"]attr['"]|\.\s*format(?:_map)?\s*\("""
    r"""|\.\s*mro\b|\{%[-+]?\s*(?:import|from|include|extends)\b"""
)


def template_findings(path: str, template: object) -> Iterator[Finding]:
    """Findings about a chat template, or about each text in a list or mapping of them."""
    waiting = [template]
    while waiting:
        template = waiting.pop()
        if isinstance(template, dict):
            waiting += template.values()
        elif isinstance(template, (list, tuple)):
            waiting += template
        elif isinstance(template, str) and (problem := template_problem(template)):
            yield Finding.of_file(path, f"has a chat template that {problem}")


def template_problem(template: str) -> str | None:
    """Reason why a chat template is not known to only compute with text; None if it does."""
    if len(template) > _MAX_CHARACTERS:
        return f"is longer than {_MAX_CHARACTERS} characters"
    try:
        import jinja2.ext  # noqa: PLC0415  # which is here with transformers, and not with us
    except ModuleNotFoundError:
        found = _PLAIN_TEXT.search(template)
        return f"reaches for internals of Python ({found[0]!r})" if found else None
    try:
        tree = _environment().parse(template)
    except (jinja2.TemplateError, RecursionError, ValueError) as error:
        return f"a sandbox does not take ({str(error)[:80]})"
    return next(chain(_reads(tree), _calls(tree)), None)


def _environment() -> Environment:
    """Environment with the statements that chat templates may have in transformers."""
    from jinja2 import ext, nodes, parser, sandbox  # noqa: PLC0415

    class Generation(ext.Extension):
        tags = {"generation"}  # noqa: RUF012  # as Jinja has it

        def parse(self, parser: parser.Parser) -> nodes.Node:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body).set_lineno(line)

    return sandbox.ImmutableSandboxedEnvironment(extensions=[Generation, ext.loopcontrols])


def _reads(tree: nodes.Template) -> Iterator[str]:
    from jinja2 import nodes  # noqa: PLC0415

    for node in tree.find_all(nodes.Node):
        if isinstance(node, (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
            yield "loads another template"
        elif isinstance(node, nodes.Getattr) and not _NEVER_INTERNAL.fullmatch(node.attr):
            yield f"reads the attribute {node.attr!r}"
        elif isinstance(node, nodes.Getitem) and _names_internals(node.arg):
            yield "reads an item whose name begins with '_'"
        elif isinstance(node, nodes.Filter) and (node.name == "attr" or _has_text(node.args, "attr")):
            yield "reads attributes by the filter 'attr'"
        elif isinstance(node, nodes.Const) and isinstance(node.value, str) and _DUNDER.search(node.value):
            yield f"has the text {node.value[:80]!r}"


def _calls(tree: nodes.Template) -> Iterator[str]:
    from jinja2 import nodes  # noqa: PLC0415

    for call in tree.find_all(nodes.Call):
        if not _is_plain_call(call.node):
            yield f"calls {getattr(call.node, 'attr', 'what it computed')!r}"


def _is_plain_call(called: Any) -> bool:
    """True for a call of a macro or function by its name, or of a method of a text, list or mapping."""
    from jinja2 import nodes  # noqa: PLC0415

    return isinstance(called, nodes.Name) or (
        isinstance(called, nodes.Getattr)
        and (called.attr in _METHODS or (isinstance(called.node, nodes.Name) and called.node.name == "loop"))
    )


def _names_internals(key: nodes.Expr) -> bool:
    from jinja2 import nodes  # noqa: PLC0415

    constants = [key] if isinstance(key, nodes.Const) else list(key.find_all(nodes.Const))
    return any(isinstance(one.value, str) and one.value.startswith("_") for one in constants)


def _has_text(arguments: list[nodes.Expr], text: str) -> bool:
    return any(getattr(argument, "value", None) == text for argument in arguments)
