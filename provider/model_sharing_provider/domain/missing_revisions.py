"""Error for a revision of a model that there is not."""

from __future__ import annotations

from collections.abc import Iterable

from model_sharing_protocol.errors import VersionNotFound
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_protocol.printable import enumerated
from model_sharing_protocol.revisions import Revision
from model_sharing_provider.domain.securables import MAX_ALIASES


def missing_revision(
    name: FullName | SharedName, revision: Revision, aliases: Iterable[str], share: str = ""
) -> VersionNotFound:
    """Error that says what a model has no version for; for an alias, which `aliases` it has.

    These are for those alone who may list them. For a number it says how to list the versions; in a share,
    whose users have many clients, only that they can be listed.
    """
    where = f" in the share {share!r}" if share else ""
    message = f"The model '{name}' has no {revision.described}{where}."
    if revision.number is not None:
        how = "to see which there are" if share else f"with 'model show {name}'"
        return VersionNotFound(f"{message} List its versions {how}.")
    if revision.alias is None or revision.or_newest:
        return VersionNotFound(message)
    # It may be there, and point at a version that is not READY.
    others = sorted(each for each in aliases if each.lower() != revision.alias.lower())
    has = f"Its aliases are: {enumerated(others, MAX_ALIASES)}." if others else "It has no others."
    return VersionNotFound(f"{message} {has}")
