"""Deployment examples: what `examples/deploy` sets are settings, and its requests have routes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp.test_utils import TestServer

from model_sharing_provider.configuration.settings import TABLE
from model_sharing_provider.configuration.sources import parse

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
VARIABLES = {setting.variable: setting for setting in TABLE.values()}


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text()))


def test_every_variable_is_a_setting_with_a_value_that_it_takes() -> None:
    (compose,), (settings,) = documents(DEPLOY / "compose.yaml"), documents(KUBERNETES / "settings.yaml")
    told = {
        **compose["x-provider"]["environment"],
        **settings["data"],
        **dict(re.findall(r"(MODEL_SHARING_\w+)=(\S+)", (DEPLOY / "Dockerfile").read_text())),
    }
    ours = {name: value for name, value in told.items() if name.startswith("MODEL_SHARING_")}
    assert len(ours) > 10
    for name, value in ours.items():
        # As Compose fills them in.
        parse(VARIABLES[name], re.sub(r"\$\{.*?\}", "filled-in", value), name)


def test_the_kustomization_holds_all_manifests_and_they_fit_together() -> None:
    (kustomization,) = documents(KUBERNETES / "kustomization.yaml")
    others = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == others
    (deployment,), (settings,) = (
        documents(KUBERNETES / f"{name}.yaml") for name in ("deployment", "settings")
    )
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert str(Path(settings["data"]["MODEL_SHARING_PROVIDER_SECRETS_FILE"]).parent) in mounted
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    assert ports["metrics"] == settings["data"]["MODEL_SHARING_PROVIDER_SERVE_METRICS_PORT"]
    for each in (container, *pod["initContainers"]):
        assert each["securityContext"] == container["securityContext"]
        assert each["envFrom"] == container["envFrom"]
    patience = sum(
        VARIABLES[f"MODEL_SHARING_PROVIDER_SERVE_{name}"]
        .kind.parse(settings["data"][f"MODEL_SHARING_PROVIDER_SERVE_{name}"])
        .seconds
        for name in ("DRAIN", "GRACE")
    )
    assert pod["terminationGracePeriodSeconds"] > patience
    assert pod["securityContext"]["runAsNonRoot"]


@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
async def test_the_probes_are_answered(server: TestServer, probe: str) -> None:
    (deployment,) = documents(KUBERNETES / "deployment.yaml")
    path = deployment["spec"]["template"]["spec"]["containers"][0][probe]["httpGet"]["path"]
    assert server.app is not None
    assert path in {resource.canonical for resource in server.app.router.resources()}
