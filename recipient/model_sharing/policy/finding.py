"""Finding of the load policy: a file, and what loading would do because of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Finding:
    """File because of which a model is not inert, and the reason, as a clause without a period.

    `elsewhere` is set where no code runs, but something would be loaded that the share does not verify:
    another model, or a file of this machine.
    """

    path: str
    reason: str
    elsewhere: bool = False

    @classmethod
    def of_file(cls, path: str, cause: str, *, elsewhere: bool = False) -> Self:
        """Finding with the reason "the file …" and the `cause`."""
        return cls(path, f"the file {path!r} {cause}", elsewhere)

    def __str__(self) -> str:
        return self.reason
