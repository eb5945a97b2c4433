"""Headers of the Hub's answers: the commit, the digest of a file, and the error that a client is to raise."""

from __future__ import annotations

from model_sharing_protocol.errors import (
    NotFound,
    PathNotFound,
    SharingError,
    TermsNotAccepted,
    Unauthenticated,
    VersionNotFound,
)

COMMIT = "X-Repo-Commit"
LINKED_ETAG = "X-Linked-Etag"
LINKED_SIZE = "X-Linked-Size"
ERROR_CODE = "X-Error-Code"
ERROR_MESSAGE = "X-Error-Message"
LINK = "Link"
_LONGEST_MESSAGE = 1000

# The first class that an error is an instance of decides.
_WORDS: tuple[tuple[type[SharingError], str], ...] = (
    (PathNotFound, "EntryNotFound"),
    (VersionNotFound, "RevisionNotFound"),
    (NotFound, "RepoNotFound"),
    (TermsNotAccepted, "GatedRepo"),
    # As the Hub does: whoever has no valid token is not told which repositories there are.
    (Unauthenticated, "RepoNotFound"),
)


def error_word(error: SharingError) -> str:
    """Word that clients of the Hub find out the kind of an error by; empty for those that have none."""
    return next((word for kind, word in _WORDS if isinstance(error, kind)), "")


def error_headers(error: SharingError, text: str) -> dict[str, str]:
    """Headers of an answer with this error; `text` is what its caller may read."""
    line = " ".join(text.split())[:_LONGEST_MESSAGE].encode("ascii", "backslashreplace").decode()
    headers = {ERROR_MESSAGE: line}
    if word := error_word(error):
        headers[ERROR_CODE] = word
    return headers


def etag(sha256: str) -> str:
    """ETag of a file, which clients name it by in their cache."""
    return f'"{sha256}"'


def linked_headers(sha256: str, size: int) -> dict[str, str]:
    """Headers of a redirection to a file's bytes elsewhere: what the answer there does not say."""
    return {LINKED_ETAG: etag(sha256), LINKED_SIZE: str(size)}


def next_link(url: str) -> dict[str, str]:
    """Header that a page of a listing names the next one by; empty without one."""
    return {LINK: f'<{url}>; rel="next"'} if url else {}
