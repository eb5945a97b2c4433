"""Search over the registry: what is found, and where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from model_sharing_protocol.names import FullName


class SearchField(StrEnum):
    """Field in which a text is searched for."""

    NAME = "name"
    TAG = "tag"
    ALIAS = "alias"
    DIGEST = "digest"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class SearchHit:
    """Model, or version of one, that was found; `detail` is the text that was found in the field."""

    name: FullName
    version: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits by the field in which they were found, and names of recipients and shares."""

    hits: dict[SearchField, tuple[SearchHit, ...]]
    recipients: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.recipients or self.shares or any(self.hits.values()))
