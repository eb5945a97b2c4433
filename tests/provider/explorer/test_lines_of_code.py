"""Lines to copy into a shell or into Python: names in them are one word, whatever characters they have."""

from __future__ import annotations

import ast
import shlex
from pathlib import Path
from urllib.parse import unquote

from support.admin_client import AdminClient
from support.explorer_client import ExplorerClient
from support.explorer_crawl import crawl
from support.hostile_input.hostile_metastore import fill_hostile
from support.hostile_input.web_text import HOSTILE_NAME

_COMMANDS = ("model-sharing", "hf ", "curl ", "export ")
_PROGRAMS = ("import ", "from ")
_PART = "onfocus"
"""What a line has that names something hostile."""


async def test_names_are_one_word_of_a_shell_and_one_literal_of_python(
    admin: AdminClient, explorer: ExplorerClient, tmp_path: Path
) -> None:
    await fill_hostile(admin, tmp_path)
    lines, programs = set(), set()
    for page in await crawl(explorer):
        for code in (each.text for each in page.soup.select(".snippet pre")) if page.soup else ():
            if code.startswith(_PROGRAMS):
                programs.add(code)
            else:
                lines |= {line for line in code.splitlines() if line.startswith(_COMMANDS)}
    hostile_lines = [line for line in lines if _PART in line]
    hostile_programs = [program for program in programs if _PART in program]
    assert len(hostile_lines) > 10
    assert len(hostile_programs) > 5
    for line in hostile_lines:
        words = shlex.split(line, comments=True)
        # In a URL, a name is quoted in another way.
        assert any(HOSTILE_NAME in each for each in (*words, *map(unquote, words))), line
    for program in hostile_programs:
        literals = [node.value for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Constant)]
        assert any(HOSTILE_NAME in str(each) for each in literals), program
