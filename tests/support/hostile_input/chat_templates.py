"""Chat templates that reach for what a sandbox is for, some of which create a marker file outside of one."""

from __future__ import annotations

from pathlib import Path

_LIVE = {
    "globals of cycler": "{{ cycler.__init__.__globals__.RUN }}",
    "globals of joiner": "{{ joiner.__init__.__globals__.RUN }}",
    "globals of lipsum": "{{ lipsum.__globals__.RUN }}",
    "globals of namespace": "{{ namespace.__init__.__globals__['__builtins__'].TOUCH }}",
    "by items": "{{ cycler['__init__']['__globals__']['os'].system('touch MARKER') }}",
    "by attr": "{{ (cycler|attr('__init__')|attr('__globals__'))['os'].system('touch MARKER') }}",
    "by attr in map": "{% for f in [cycler]|map('attr', '__init__') %}"
    "{{ (f|attr('__globals__')).RUN }}{% endfor %}",
    "by attribute of map": "{% for g in [lipsum]|map(attribute='__globals__') %}{{ g.RUN }}{% endfor %}",
    "builtins": "{{ lipsum.__globals__['__builtins__'].TOUCH }}",
    "import": "{{ lipsum.__globals__['__builtins__']['__import__']('os').system('touch MARKER') }}",
    "exec": "{{ lipsum.__globals__['__builtins__'].exec(QUOTED) }}",
    "eval": "{{ lipsum.__globals__['__builtins__'].eval(QUOTED) }}",
    "joined name": "{{ lipsum['__glo' ~ 'bals__'].RUN }}",
    "added name": "{{ lipsum['__glo' + 'bals__'].RUN }}",
    "reversed name": "{{ lipsum['__slabolg__'[::-1]].RUN }}",
    "joined list": "{{ lipsum[['__', 'globals', '__']|join].RUN }}",
    "repeated underscore": "{{ lipsum['_' * 2 ~ 'globals' ~ '_' * 2].RUN }}",
    "within a macro": "{% macro m() %}{{ lipsum.__globals__.RUN }}{% endmacro %}{{ m() }}",
    "within a call block": "{% macro m() %}{{ caller() }}{% endmacro %}"
    "{% call m() %}{{ lipsum.__globals__.RUN }}{% endcall %}",
    "in a condition": "{% if lipsum.__globals__.RUN %}{% endif %}",
    "in a loop": "{% for x in lipsum.__globals__.RUN %}{% endfor %}",
    "in an assignment": "{% set x = lipsum.__globals__.RUN %}",
    "in a filter's argument": "{{ 'a'|replace('a', lipsum.__globals__.RUN) }}",
    "in a test's argument": "{{ 1 is sameas(lipsum.__globals__.RUN) }}",
    "in a slice": "{{ 'abc'[:lipsum.__globals__.RUN|length] }}",
    "as a macro's default": "{% macro m(x=lipsum.__globals__.RUN) %}{{ x }}{% endmacro %}{{ m() }}",
    "stored callable": "{% set ns = namespace(f=lipsum.__globals__.os.system) %}{{ ns.f('touch MARKER') }}",
    "of the template itself": "{{ self.__init__.__globals__['__builtins__'].TOUCH }}",
    "of an undefined name": "{{ nothing.__class__.__init__.__globals__['__builtins__'].TOUCH }}",
    "after much that is good": "{% for m in messages %}{{ m['role'] }}{% endfor %}"
    "{{ lipsum.__globals__.RUN }}",
}


def live_templates(marker: Path) -> dict[str, str]:
    """Templates that create the marker where Jinja has no sandbox."""
    touch = f"open({str(marker)!r}, 'w').close()"
    return {
        name: template.replace("RUN", "os.system('touch MARKER')")
        .replace("TOUCH", touch)
        .replace("QUOTED", repr(touch))
        .replace("MARKER", str(marker))
        for name, template in _LIVE.items()
    }


STRANGE_TEMPLATES = {
    "class": "{{ ''.__class__ }}",
    "subclasses": "{{ ().__class__.__bases__[0].__subclasses__() }}",
    "mro": "{{ [].append.mro }}",
    "frame of a generator": "{{ messages.gi_frame }}",
    "code of a function": "{{ raise_exception.func_code }}",
    "format": "{{ '{0.__class__}'.format(messages) }}",
    "format of anything": "{{ '{0}'.format(messages) }}",
    "format_map": "{{ '{a.b}'.format_map(x) }}",
    "include": "{% include '/etc/passwd' %}",
    "import": "{% import '/etc/passwd' as p %}",
    "from import": "{% from '/etc/passwd' import p %}",
    "extends": "{% extends '/etc/passwd' %}",
    "attr": "{{ messages|attr('x') }}",
    "unknown method": "{{ messages.system('true') }}",
    "called item": "{{ messages[0]['run']() }}",
    "called result": "{{ raise_exception('x')() }}",
    "unknown filter of attributes": "{{ messages|map('attr', 'x')|list }}",
    "private item": "{{ messages['_x'] }}",
    "private attribute": "{{ messages._x }}",
    "unknown statement": "{% python %}",
    "do statement": "{% do messages.append(1) %}",
    "no end": "{% for m in messages %}",
    "too deep": "{{ " + "(" * 3000 + ")" * 3000 + " }}",
    "too long": "a" * 600_000,
}
"""Templates that a sandbox would not take, or that are not known to only compute with text."""
