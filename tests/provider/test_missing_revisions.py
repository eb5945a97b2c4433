"""A model that lacks what was asked for says what it has."""

from __future__ import annotations

import pytest

from model_sharing_protocol.names import FullName, SharedName
from model_sharing_protocol.revisions import MAIN_REVISION, Revision
from model_sharing_provider.domain.missing_revisions import missing_revision

NAME = FullName.parse("prod.fraud.scorer")


@pytest.mark.parametrize(
    ("revision", "aliases", "says"),
    [
        (
            Revision(alias="champoin"),
            ["Staging", "Champion"],
            "'champoin'. Its aliases are: Champion, Staging.",
        ),
        (Revision(alias="champion"), [], "no alias 'champion'. It has no others."),
        (Revision(alias="champion"), ["Champion"], "no alias 'champion'. It has no others."),
        (
            Revision(number=7),
            ["Champion"],
            "has no version 7. List its versions with 'model show prod.fraud.scorer'.",
        ),
        (MAIN_REVISION, ["Champion"], "has no READY version that was not recalled."),
    ],
)
def test_what_is_missing(revision: Revision, aliases: list[str], says: str) -> None:
    assert missing_revision(NAME, revision, aliases).message.endswith(says)


def test_a_recipient_is_not_told_of_the_providers_commands() -> None:
    missing = missing_revision(SharedName("fraud", "scorer"), Revision(number=7), [], "acme")
    assert missing.message == (
        "The model 'fraud.scorer' has no version 7 in the share 'acme'. "
        "List its versions to see which there are."
    )
