"""Monitoring examples: `examples/deploy` uses metrics that exist, and its alerts link to instructions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.core import Metric

import model_sharing_provider.serving.server  # noqa: F401 - knows of all metrics
from model_sharing_provider.cli.main import cli

TOP = Path(__file__).parents[2]
DEPLOY = TOP / "examples" / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
MONITORING = KUBERNETES / "monitoring"
OURS = {family.name: family for family in REGISTRY.collect() if family.name.startswith("model_sharing_")}
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "gauge": [""]}
SERIES = {name + suffix: name for name, family in OURS.items() for suffix in SUFFIXES[family.type]}
OF_THE_SCRAPE = {"namespace", "pod", "instance", "le"}
KINDS = {
    "kind": {"tls_certificate", "turn"},
    "route": {"/ready"},
    "face": {"health", "open-sharing"},
    "reason": {"wrong_signature", "unknown_key", "malformed"},
}


def document(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def rules() -> list[dict[str, Any]]:
    (group,) = document(MONITORING / "prometheus-rule.yaml")["spec"]["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    return found


def queries() -> dict[str, str]:
    of_rules = {rule["alert"]: rule["expr"] for rule in rules()}
    shown = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in panels()
        for target in panel.get("targets", ())
    }
    return of_rules | shown


def label_names(family: Metric) -> set[str]:
    """Label names that the code declares, whether or not anything was counted yet."""
    for collector, names in REGISTRY._collector_to_names.items():
        if family.name in names:
            return set(getattr(collector, "_labelnames", ()))
    raise AssertionError(family.name)


@pytest.mark.parametrize("query", queries().values(), ids=queries().keys())
def test_every_query_is_of_metrics_and_labels_that_there_are(query: str) -> None:
    series = re.findall(r"model_sharing_\w+", query)
    assert series
    assert set(series) <= SERIES.keys()
    allowed = set.union(*(label_names(OURS[SERIES[name]]) for name in series)) | OF_THE_SCRAPE
    grouped = {name.strip() for group in re.findall(r"by \(([^)]*)\)", query) for name in group.split(",")}
    matched = re.findall(r'(\w+)\s*(?:=~|!=|=|!~)\s*"([^"]*)"', query)
    assert grouped | {name for name, _ in matched} <= allowed
    for name, value in matched:
        if name in KINDS and not value.startswith("$"):
            assert set(value.split("|")) <= KINDS[name]
    assert query.count("(") == query.count(")")


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {name for query in queries().values() for name in re.findall(r"model_sharing_\w+", query)}
    assert {SERIES[name] for name in shown} == OURS.keys()


def test_panels_have_places_and_ids_of_their_own() -> None:
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


def headings(page: Path) -> set[str]:
    """Anchors as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_every_alert_says_what_it_is_about_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["annotations"]["summary"]
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor in headings(TOP / page)
    for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
        assert label in rule["expr"], "only what is grouped by is left"


def test_links_between_the_pages_of_the_documentation_lead_somewhere() -> None:
    for page in (TOP / "docs").rglob("*.md"):
        for target, anchor in re.findall(r"\]\(([\w./-]*\.md)?#([\w-]+)\)", page.read_text()):
            assert anchor in headings((page.parent / target).resolve() if target else page), (page, anchor)


@pytest.mark.parametrize("name", ["monitoring", "gateway"])
def test_a_component_takes_in_all_of_its_folder(name: str) -> None:
    folder = KUBERNETES / name
    component = document(folder / "kustomization.yaml")
    assert component["kind"] == "Component"
    generated = [file for each in component.get("configMapGenerator", ()) for file in each["files"]]
    assert {*component["resources"], *generated, "kustomization.yaml"} == {
        path.name for path in folder.iterdir()
    }
    assert f"#   - {name} " in (KUBERNETES / "kustomization.yaml").read_text()


def test_monitor_route_and_policy_name_what_the_others_define() -> None:
    deployment, service = (document(KUBERNETES / f"{name}.yaml") for name in ("deployment", "service"))
    pod = deployment["spec"]["template"]["spec"]
    ports = {port["name"] for port in pod["containers"][0]["ports"]}
    (endpoint,) = document(MONITORING / "pod-monitor.yaml")["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("metrics", "/metrics")
    policy = document(KUBERNETES / "network-policy.yaml")["spec"]
    let_in = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
    assert let_in == ports
    assert all("from" in rule for rule in policy["ingress"])
    account = document(KUBERNETES / "service-account.yaml")
    assert pod["serviceAccountName"] == account["metadata"]["name"]
    assert account["automountServiceAccountToken"] is pod["automountServiceAccountToken"] is False
    (rule,) = document(KUBERNETES / "gateway" / "http-route.yaml")["spec"]["rules"]
    (backend,) = rule["backendRefs"]
    assert backend["name"] == service["metadata"]["name"]
    assert backend["port"] in {port["port"] for port in service["spec"]["ports"]}


def test_init_containers_run_commands_that_there_are() -> None:
    deployment = document(KUBERNETES / "deployment.yaml")
    for container in deployment["spec"]["template"]["spec"]["initContainers"]:
        command: click.Command = cli
        for word in container["args"]:
            assert isinstance(command, click.Group)
            found = command.get_command(click.Context(command), word)
            assert found is not None, word
            command = found
        assert not isinstance(command, click.Group)


def test_images_are_of_one_version() -> None:
    compose = document(DEPLOY / "compose.yaml")
    images = [service["image"] for service in compose["services"].values() if "build" not in service]
    images += re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    for image in images:
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-slim)?$", image), image


def test_the_image_is_built_from_what_it_needs_and_no_more() -> None:
    lines = (TOP / ".dockerignore").read_text().splitlines()
    assert "*" in lines, "what is not named stays out"
    let_through = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert let_through == {name for line in copied for name in line.split()}
    assert all((TOP / name).exists() for name in let_through)
