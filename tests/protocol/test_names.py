"""Names and references: what may be called what, and how a version is pointed at."""

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


def test_names_are_kept_in_lower_case_so_that_they_compare_without_case() -> None:
    assert normalize_name("share", "Acme_Share") == "acme_share"
    assert FullName.parse("Prod.ML_team.Iris") == FullName.parse("prod.ml_team.iris")
    assert str(SchemaName.parse("PROD.ml")) == "prod.ml"
    assert str(SharedName.parse("ML.Iris")) == "ml.iris"


@given(st.text(min_size=1, max_size=260))
def test_what_passes_as_a_name_has_none_of_the_characters_that_mean_something(text: str) -> None:
    try:
        name = normalize_name("model", text)
    except InvalidParameter:
        return
    assert not set(name) & set("./\0\n\t \u00a0\u2028")
    assert normalize_name("model", name) == name


@pytest.mark.parametrize(
    "bad",
    ["", "a.b", "a/b", "a b", "a\tb", "a\0b", "a\u00a0b", "a\x7fb", "\ud800", "x" * 256, "cafe\u0301"],
)
def test_a_bad_name_is_refused_and_the_message_names_what_is_wrong(bad: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        normalize_name("catalog", bad)
    assert "catalog name" in refused.value.message


def test_a_name_of_255_characters_is_the_longest() -> None:
    assert len(normalize_name("model", "x" * 255)) == 255


@pytest.mark.parametrize("text", ["prod", "prod.ml", "a.b.c.d", "..", "a..b", ".a.b", "a.b."])
def test_a_full_name_has_exactly_three_parts(text: str) -> None:
    with pytest.raises(InvalidParameter):
        FullName.parse(text)


@pytest.mark.parametrize("text", ["ml", "a.b.c", ".", "a.", ".b"])
def test_schema_and_shared_names_have_exactly_two_parts(text: str) -> None:
    for kind in (SchemaName, SharedName):
        with pytest.raises(InvalidParameter):
            kind.parse(text)


@pytest.mark.parametrize("alias", ["latest", "LATEST", "v3", "V12", "a@b", "", "a b"])
def test_reserved_and_unusable_aliases_are_refused(alias: str) -> None:
    with pytest.raises(InvalidParameter):
        check_alias(alias)


def test_an_alias_keeps_the_spelling_it_was_given() -> None:
    assert check_alias("Champion") == "Champion"
    assert check_alias("version3") == "version3"


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("42", 42), ("2147483647", 2**31 - 1)])
def test_versions_are_whole_numbers_from_one(text: str, number: int) -> None:
    assert parse_version(text) == number


@pytest.mark.parametrize("text", ["0", "-1", "+1", "1.0", "", "2147483648", "9" * 5000, "٣", "1_0", " 1"])
def test_what_is_not_a_version_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        parse_version(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("models:/v.f.scorer/3", ModelRef("v.f.scorer", version=3)),
        ("v.f.scorer/3", ModelRef("v.f.scorer", version=3)),
        ("models:/v.f.scorer@Champion", ModelRef("v.f.scorer", alias="Champion")),
        ("v.f.scorer@Champion", ModelRef("v.f.scorer", alias="Champion")),
    ],
)
def test_a_reference_names_a_version_by_number_or_by_alias(text: str, expected: ModelRef) -> None:
    parsed = ModelRef.parse(text)
    assert parsed == expected
    assert ModelRef.parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    "text", ["", "models:/", "v.f.scorer", "v.f.scorer/", "v.f.scorer@", "@Champion", "m/0", "m@a@b/c", "m/x"]
)
def test_what_names_no_version_is_refused_with_the_right_form_in_the_message(text: str) -> None:
    with pytest.raises(InvalidParameter):
        ModelRef.parse(text)
