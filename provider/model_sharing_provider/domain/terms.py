"""Terms of shares and models, and their acceptance by recipients. Times are epoch ms."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Terms of a share or a model, from when they were set; `ended_at` is None while they are in force."""

    digest: str
    version: str
    text: str
    set_at: int
    set_by: str
    ended_at: int | None = None
    ended_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsAcceptance:
    """Acceptance of terms by a recipient, through one of its shares.

    `accepted_by` is who did it there, as the recipient says. The `text` is empty where it is not wanted.
    """

    recipient: str
    share: str
    digest: str
    version: str
    accepted_at: int
    accepted_by: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTerms:
    """Terms in force as one recipient of a share sees them; those of the whole share have no `models`.

    `models` are the shared names of the models that have these terms; the `text` is empty where it is not
    wanted. `accepted_at` is None unless the recipient accepted them.
    """

    digest: str
    version: str
    text: str = ""
    models: tuple[str, ...] = ()
    accepted_at: int | None = None
    accepted_by: str = ""


@dataclass(frozen=True, slots=True)
class UnacceptedTerms:
    """Terms in force that a recipient has not accepted: of the whole share, or of the model asked for."""

    digest: str
    version: str
    whole_share: bool
