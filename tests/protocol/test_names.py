"""Names and references: what is let in, and how it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.names import (
    FullName,
    ModelRef,
    SchemaName,
    SharedName,
    check_alias,
    normalize_name,
    parse_version,
)


def test_names_are_lower_case() -> None:
    assert str(FullName.parse("Prod.ML_Team.Iris")) == "prod.ml_team.iris"
    assert FullName.parse("PROD.a.b") == FullName.parse("prod.A.B")


@pytest.mark.parametrize(
    "name", ["", "a b", "a/b", "a.b", "a\tb", "a\x00b", "a\u202eb", "a\u200bb", "a\ud800b", "x" * 256]
)
def test_a_name_that_breaks_a_rule_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameter, match="model name"):
        normalize_name("model", name)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (FullName.parse, "a.b"),
        (FullName.parse, "a.b.c.d"),
        (FullName.parse, "a..c"),
        (SchemaName.parse, "a"),
        (SharedName.parse, "a.b.c"),
    ],
)
def test_a_name_with_too_few_or_many_parts_says_how_to_write_it(parse: object, text: str) -> None:
    assert callable(parse)
    with pytest.raises(InvalidParameter):
        parse(text)


def test_a_reference_is_by_number_or_by_alias() -> None:
    assert ModelRef.parse("models:/c.s.m/3") == ModelRef("c.s.m", version=3)
    assert ModelRef.parse("models:/c.s.m@Champion") == ModelRef("c.s.m", alias="Champion")
    assert ModelRef.parse("s.m@Champion") == ModelRef("s.m", alias="Champion")


@given(st.integers(1, 2**31 - 1))
def test_references_are_read_back_as_they_were_written(version: int) -> None:
    for ref in (ModelRef("c.s.m", version=version), ModelRef("c.s.m", alias=f"a{version}")):
        assert ModelRef.parse(str(ref)) == ref


@pytest.mark.parametrize(
    "text",
    ["", "models:/", "c.s.m", "c.s.m/", "c.s.m@", "c.s.m/latest", "c.s.m/0", "c.s.m/99999999999", "@x"],
)
def test_what_names_no_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        ModelRef.parse(text)


@given(st.text())
def test_any_text_is_a_reference_or_a_clear_error(text: str) -> None:
    try:
        ref = ModelRef.parse(text)
    except InvalidParameter:
        return
    assert (ref.version is None) != (ref.alias is None)


@pytest.mark.parametrize("alias", ["latest", "LATEST", "v1", "V20", "a@b", "", "a b"])
def test_reserved_and_malformed_aliases_are_refused(alias: str) -> None:
    with pytest.raises(InvalidParameter):
        check_alias(alias)


@pytest.mark.parametrize("alias", ["Champion", "v", "v1x", "latest-good", "prod_2026"])
def test_other_aliases_keep_their_spelling(alias: str) -> None:
    assert check_alias(alias) == alias


@pytest.mark.parametrize("text", ["0", "-1", "1.0", "x", "", "٣", "2147483648", "0x1", " 1"])
def test_a_version_is_a_whole_number_from_one(text: str) -> None:
    with pytest.raises(InvalidParameter):
        parse_version(text)
