"""Errors of stores, translated into ours, which reveal no host, bucket or key."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager

from obstore.exceptions import (
    BaseError,
    GenericError,
    InvalidPathError,
    PermissionDeniedError,
    UnauthenticatedError,
)

from model_sharing_protocol.errors import (
    ArtifactStoreUnavailable,
    CorruptArtifact,
    DiskFull,
    NotFound,
    UnsafePath,
)
from model_sharing_provider.telemetry.log import log

# Error numbers of the operating system: no space left, disk quota exceeded, file too large.
_DISK_FULL_SIGNS = ("os error 28", "os error 122", "os error 27", "Errno 28", "Errno 122", "Errno 27")
# A range that begins after the end of the object: the responses of stores, and obstore's message.
_PAST_THE_END_SIGNS = ("status code: 416", "Wanted range starting at")


@contextlib.contextmanager
def translated_store_errors(shown: str, *, absent: str) -> Iterator[None]:
    """Raise DiskFull, UnsafePath, NotFound saying `absent`, CorruptArtifact or ArtifactStoreUnavailable.

    The store's own message is logged.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(absent) from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise _unavailable(shown, "it refuses this provider's credentials", error) from error
    except (GenericError, OSError) as error:
        # obstore reports a full disk as one of its generic errors.
        if any(sign in str(error) for sign in _DISK_FULL_SIGNS):
            raise DiskFull(
                f"The artifact store has no space left for {shown}; free some space and register again."
            ) from error
        if any(sign in str(error) for sign in _PAST_THE_END_SIGNS):
            raise CorruptArtifact(f"The object {shown} ends before the requested bytes.") from error
        if isinstance(error, OSError):  # it may come from the sender of the written bytes
            raise
        raise _unavailable(shown, "it did not answer as it should", error) from error
    except InvalidPathError as error:
        raise UnsafePath("An object has a name that is not a valid file path; delete it.") from error
    except BaseError as error:
        raise _unavailable(shown, "it did not answer as it should", error) from error


def _unavailable(shown: str, what: str, error: Exception) -> ArtifactStoreUnavailable:
    log.error("artifact store", object=shown, reason=str(error).partition("\n")[0])
    return ArtifactStoreUnavailable(
        f"The artifact store cannot be used for {shown} now: {what}. The reason is in the provider's log."
    )


def is_external(path: str) -> bool:
    """True for a path in an external location, which is a URL."""
    return "://" in path


def shown_path(path: str) -> str:
    """Path for an error that a recipient may read, without the provider's storage location."""
    return path.rpartition("/")[2] if is_external(path) else path


def reading(path: str) -> AbstractContextManager[None]:
    """Translate errors of the store while an object is read."""
    where = "external location" if is_external(path) else "artifact store"
    return translated_store_errors(
        shown_path(path), absent=f"The object {shown_path(path)} is gone from the {where}."
    )


def writing(path: str) -> AbstractContextManager[None]:
    """Translate errors of the store while an object is written."""
    # If something is missing when an object is written, it is the bucket.
    return translated_store_errors(path, absent=f"The bucket that {path} should be written to is not there.")
