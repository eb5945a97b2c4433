"""Text files of versions, read to be shown: small ones that are UTF-8, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from model_sharing_protocol.errors import InvalidState, PathNotFound
from model_sharing_protocol.names import FullName
from model_sharing_protocol.revisions import Revision
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.http.requests import context_of, provider_of

MAX_TEXT_BYTES = 256 * 1024
_SUFFIXES = (
    ".md",
    ".txt",
    ".json",
    ".jsonl",
    ".yaml",
    ".yml",
    ".toml",
    ".cfg",
    ".ini",
    ".csv",
    ".tsv",
    ".py",
)
_SUFFIXES_OF_MODELS = (".jinja", ".template", ".vocab")
_NAMES = ("MLmodel", "LICENSE", "LICENCE", "NOTICE", "README")


@dataclass(frozen=True, slots=True)
class TextFile:
    """Text of a file of a version."""

    version: ModelVersion
    text: str


def is_text(path: str) -> bool:
    """True for the name of a file that is text, as far as a name tells."""
    return path.lower().endswith(_SUFFIXES + _SUFFIXES_OF_MODELS) or path.rpartition("/")[2] in _NAMES


async def read_text(request: web.Request, name: FullName, number: int, path: str) -> TextFile:
    """Text of a file.

    Raises InvalidState for one that is too large or no text, and what `PrincipalRevisions.open` does.
    """
    provider, context = provider_of(request), context_of(request)
    found = await provider.principal_revisions.open(context, name, Revision(number=number), path)
    if found.file.size > MAX_TEXT_BYTES:
        raise InvalidState(f"{path!r} has {found.file.size} bytes, which is too large to show; download it.")
    where = await provider.signed_files.locate(context, found.file)
    if where.url:
        raise InvalidState(f"{path!r} is kept by the provider that it comes from; download it.")
    pieces = [bytes(each) async for each in provider.signed_files.read(found.file, 0, found.file.size, where)]
    try:
        return TextFile(found.version, b"".join(pieces).decode())
    except UnicodeDecodeError:
        raise InvalidState(f"{path!r} is not text in UTF-8; download it.") from None


async def read_card(request: web.Request, name: FullName, number: int) -> str:
    """Model card of a version, without its YAML head; empty if it has none that can be shown."""
    try:
        text = (await read_text(request, name, number, "README.md")).text
    except (PathNotFound, InvalidState):
        return ""
    if text.startswith("---"):
        _, _, rest = text[3:].partition("\n---")
        text = rest.partition("\n")[2] or text
    return text
