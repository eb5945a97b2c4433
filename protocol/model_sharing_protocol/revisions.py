"""Revisions: one word for a version of a model, where other systems have a branch, tag or commit."""

from __future__ import annotations

import re
from dataclasses import dataclass

from model_sharing_protocol.errors import InvalidParameter, VersionNotFound
from model_sharing_protocol.names import MAX_VERSION, normalize_name

MAIN = "main"
_COMMIT = re.compile("[0-9a-f]{40}")
_NUMBER = re.compile("[1-9][0-9]{0,9}")


@dataclass(frozen=True, slots=True)
class Revision:
    """Revision of a model: a version's number, an alias, or a commit; exactly one is set.

    With `or_newest`, the newest version that is READY and not recalled stands in for a missing alias. A
    commit names the content, so that it stays true when aliases move: see `commit_of`.
    """

    number: int | None = None
    alias: str | None = None
    commit: str | None = None
    or_newest: bool = False

    @classmethod
    def parse(cls, text: str) -> Revision:
        """Parse a revision; `main` is the alias of this name where there is one, else the newest version.

        Raises VersionNotFound for a word that no version has, such as `refs/pr/1`.
        """
        if text == MAIN:
            return MAIN_REVISION
        if _COMMIT.fullmatch(text):
            return cls(commit=text)
        if _NUMBER.fullmatch(text) and int(text) <= MAX_VERSION:
            return cls(number=int(text))
        try:
            return cls(alias=normalize_name("alias", text))
        except InvalidParameter as error:
            raise VersionNotFound(
                f"There is no revision {text[:200]!r}; give a version's number, an alias, {MAIN!r}, or the "
                "40 hexadecimal digits of a commit."
            ) from error

    @property
    def described(self) -> str:
        """Revision as an error that says that there is none calls it."""
        if self.or_newest:
            return "READY version that was not recalled"
        if self.alias is not None:
            return f"alias {self.alias!r}"
        return f"commit {self.commit}" if self.commit is not None else f"version {self.number}"

    def __str__(self) -> str:
        return self.alias or self.commit or str(self.number)


MAIN_REVISION = Revision(alias=MAIN, or_newest=True)


def commit_of(digest: str) -> str:
    """Commit of a version: the first 40 hexadecimal digits of its manifest's digest, as long as git's.

    Versions with the same files have the same commit.
    """
    return digest.removeprefix("sha256:")[:40]
