"""Checks of model versions, by number and by alias."""

from __future__ import annotations

from opensharing_conformance import shapes
from opensharing_conformance.checks.asset_checks import found
from opensharing_conformance.checks.listing_checks import MISSING, ListingIds, listing_checks, readable
from opensharing_conformance.client import Answer
from opensharing_conformance.contents import Item
from opensharing_conformance.expectations import Asset
from opensharing_conformance.judgement import NotTested, require
from opensharing_conformance.listings import VERSIONS
from opensharing_conformance.registry import Subject, proves

_STATUSES = ("PENDING_REGISTRATION", "FAILED_REGISTRATION", "READY")
_MISSING_VERSION = str(2**31 - 2)

listing_checks(
    VERSIONS,
    ListingIds(
        page="OS-MODELS-021",
        content_type="OS-MODELS-022",
        fields="OS-MODELS-023",
        most="OS-MODELS-024",
        walk="OS-MODELS-025",
        nothing="OS-MODELS-026",
        negative="OS-MODELS-027",
        missing="OS-MODELS-028",
        any_case="OS-MODELS-029",
    ),
)


@proves("OS-MODELS-051")
def only_ready_ones_are_listed(subject: Subject) -> None:
    for item in _listed(subject):
        require(item.get("status") == "READY", f"version {item.get('version')} is {item.get('status')!r}")


@proves("OS-MODELS-052")
def statuses(subject: Subject) -> None:
    for answer in _each_ready_or_not(subject):
        status = shapes.text(shapes.json_object(answer), "status")
        require(status in _STATUSES, f"the status is {status!r}")


@proves("OS-MODELS-053")
def numbers_are_unique(subject: Subject) -> None:
    shapes.require_unique([item.get("version") for item in _listed(subject)], "version")


@proves("OS-MODELS-054")
def versions_name_their_model(subject: Subject) -> None:
    place = subject.contents.place(VERSIONS)
    for item in _listed(subject):
        for name, at in (("modelName", "model"), ("schema", "schema"), ("share", "share")):
            said = shapes.text(item, name)
            require(said.lower() == place[at].lower(), f"{name} is {said!r}, below {place[at]!r}")


@proves("OS-MODELS-055")
def types_of_versions(subject: Subject) -> None:
    for item in _listed(subject):
        for name in ("id", "source", "runId", "comment"):
            shapes.optional_text(item, name)


@proves("OS-MODELS-056")
def expected_versions(subject: Subject) -> None:
    for model in _expecting(subject, "versions"):
        numbers = [item.get("version") for item in _versions_of(subject, model)]
        for number in model.details["versions"]:
            require(number in numbers, f"version {number} of {model.name} is not listed")


@proves("OS-MODELS-057")
def versions_that_are_not_ready(subject: Subject) -> None:
    for model in _expecting(subject, "notReady"):
        numbers = [item.get("version") for item in _versions_of(subject, model)]
        for number in model.details["notReady"]:
            require(number not in numbers, f"version {number} of {model.name} is listed, and is not ready")


@proves("OS-MODELS-058")
def ids_of_versions_are_uuids(subject: Subject) -> None:
    ids = [value for item in _listed(subject) if (value := shapes.optional_text(item, "id"))]
    if not ids:
        raise NotTested("no version has an id")
    for value in ids:
        shapes.require_uuid(value)


@proves("OS-MODELS-061")
def one_version(subject: Subject) -> None:
    answer = _version(subject)
    shapes.require_status(answer, 200)
    _require_version(answer)


@proves("OS-MODELS-062")
def one_version_is_json(subject: Subject) -> None:
    shapes.require_content_type(found(_version(subject)), shapes.JSON)


@proves("OS-MODELS-063")
def one_version_as_listed(subject: Subject) -> None:
    model, rows = subject.contents.versions()
    for item in rows[:3]:
        answer = subject.client.get(*model.path, "versions", str(item["version"]))
        one = shapes.json_object(found(answer))
        for name in ("version", "id", "status", "storageLocation", "modelName"):
            require(
                one.get(name) == item.get(name), f"{name} is {one.get(name)!r}, listed {item.get(name)!r}"
            )


@proves("OS-MODELS-064")
def version_in_any_case(subject: Subject) -> None:
    found(_version(subject))
    model, rows = subject.contents.versions()
    other = model.in_other_case()
    answer = subject.client.get(*other.path, "versions", str(rows[0]["version"]))
    shapes.require_status(answer, 200)


@proves("OS-MODELS-065")
def missing_version(subject: Subject) -> None:
    model, _ = subject.contents.versions()
    answer = subject.client.get(*model.path, "versions", _MISSING_VERSION)
    shapes.require_status(answer, 404)
    shapes.require_error_body(answer)


@proves("OS-MODELS-066")
def version_that_is_no_number(subject: Subject) -> None:
    model, _ = subject.contents.versions()
    answer = subject.client.get(*model.path, "versions", "first")
    shapes.require_status(answer, 400, 404)


@proves("OS-MODELS-071")
def alias(subject: Subject) -> None:
    for model, name, number in _aliases(subject):
        answer = subject.client.get(*model.path, "aliases", name)
        shapes.require_status(answer, 200)
        said = shapes.long(shapes.json_object(answer), "version")
        require(said == number, f"{name} gives version {said}, expected {number}")


@proves("OS-MODELS-072")
def alias_in_any_case(subject: Subject) -> None:
    for model, name, _ in _aliases(subject):
        wanted = found(subject.client.get(*model.path, "aliases", name))
        answer = subject.client.get(*model.path, "aliases", shapes.other_case(name))
        shapes.require_status(answer, 200)
        same = shapes.json_object(answer).get("version") == shapes.json_object(wanted).get("version")
        require(same, f"{name} in the other case gives another version")


@proves("OS-MODELS-073")
def missing_alias(subject: Subject) -> None:
    answer = subject.client.get(*subject.contents.asset("models").path, "aliases", MISSING)
    shapes.require_status(answer, 404)
    shapes.require_error_body(answer)


@proves("OS-MODELS-074")
def alias_gives_the_whole_version(subject: Subject) -> None:
    for model, name, _ in _aliases(subject):
        _require_version(found(subject.client.get(*model.path, "aliases", name)))


@proves("OS-MODELS-075")
def alias_is_json(subject: Subject) -> None:
    for model, name, _ in _aliases(subject):
        answer = found(subject.client.get(*model.path, "aliases", name))
        shapes.require_content_type(answer, shapes.JSON)


def _require_version(answer: Answer) -> None:
    fields = shapes.json_object(answer)
    for name in VERSIONS.fields:
        (shapes.long if name == "version" else shapes.text)(fields, name)


def _listed(subject: Subject) -> list[Item]:
    items = shapes.page_items(readable(subject, VERSIONS))
    if not items:
        raise NotTested("there are no versions")
    return list(items)


def _version(subject: Subject) -> Answer:
    model, rows = subject.contents.versions()
    return subject.client.get(*model.path, "versions", str(rows[0]["version"]))


def _each_ready_or_not(subject: Subject) -> list[Answer]:
    answers = [found(_version(subject))]
    for model in subject.expected.of_kind("models"):
        for number in model.details.get("notReady", []):
            answer = subject.client.get(*model.path, "versions", str(number))
            if answer.status == 200:
                answers.append(answer)
    return answers


def _versions_of(subject: Subject, model: Asset) -> list[Item]:
    place = {"share": model.share, "schema": model.schema, "model": model.name}
    return subject.contents.all_items(VERSIONS, place)


def _expecting(subject: Subject, name: str) -> list[Asset]:
    models = [model for model in subject.expected.of_kind("models") if model.details.get(name)]
    if not models:
        raise NotTested(f"the expectations name no model with {name}")
    return models


def _aliases(subject: Subject) -> list[tuple[Asset, str, int]]:
    return [
        (model, name, number)
        for model in _expecting(subject, "aliases")
        for name, number in model.details["aliases"].items()
    ]
