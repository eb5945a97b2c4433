"""Start-up of the provider's command line: a read imports what it needs, and no more; a server all of it.

Times differ from machine to machine; which packages are imported does not.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

_FOR_OTHERS = {
    "aiohttp": "networks",
    "alembic": "migrations",
    "jinja2": "pages of the explorer",
    "jwt": "tokens of other issuers",
    "markdown_it": "pages of the explorer, and model cards",
    "model_sharing": "other providers",
    "prometheus_client": "metrics",
    "pyarrow": "tables and exports",
    "pygments": "tracebacks in lines of the log",
    "structlog": "lines of the log",
    "tenacity": "imports from MLflow",
    "tomllib": "a file of settings",
    "yaml": "models and agent skills, as they are registered",
}
"""Packages that are slow to import, and what they are for."""
_OF_OTHER_SUBJECTS = (
    "artifacts.chunking",
    "bootstrap.identities",
    "domain.federation",
    "domain.jobs",
    "domain.pull_history",
    "domain.sharing",
    "domain.uploads",
    "domain.upstreams",
    "identity_providers",
    "metastore.audit_spool",
    "metastore.hot.recipient_reads",
    "metastore.hot.registry_reads",
    "metastore.rows.models",
    "metastore.rows.share_mapping",
    "metastore.rows.shares",
    "metastore.rows.versions",
    "mlflow_import",
    "remote_providers",
    "services.jobs",
    "services.mirroring",
    "services.publishing",
    "services.registry.models",
    "services.sharing",
    "services.signed_files",
)
"""Packages and modules of the provider that a list of catalogs has nothing to do with."""
_FOR_REQUESTS = ("metastore.hot", "metastore.rows", "services.publishing", "services.sharing")
_WHEN_ASKED = {"model_sharing_provider.services.sharing.parquet_tables"}
"""Modules that a server imports with the first request that needs them, since few servers get one."""
_FOR_PEOPLE = {"cryptography.x509", "jinja2", "markdown_it"}
"""Packages that a server needs for its pages, and for a certificate of its own."""
_READ = """
import sys
from model_sharing_provider.cli.main import cli

cli(["catalog", "list"], standalone_mode=False)
print(*sys.modules)
"""
_SERVE = """
import os, sys
from importlib import import_module
from model_sharing_provider.cli.main import cli

def announce(line):
    if line.startswith("Serving shares"):
        print(*sys.modules, flush=True)
        os._exit(0)

import_module("model_sharing_provider.cli.serve").announce = announce
cli(["serve", "--port", "0"], standalone_mode=False)
"""


def test_a_read_imports_nothing_that_is_for_other_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_HOME", str(tmp_path / "home"))
    _imported(_READ)  # the first start migrates
    assert not _imported(_READ) & _FOR_OTHERS.keys()


def test_no_request_waits_until_the_first_line_of_the_log_is_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_HOME", str(tmp_path / "home"))
    assert "structlog" in _imported(_SERVE)


def test_a_read_wires_the_services_and_rows_of_its_subject_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_HOME", str(tmp_path / "home"))
    imported = _imported(_READ)
    assert "model_sharing_provider.services.registry.catalogs" in imported
    assert {name for name in _OF_OTHER_SUBJECTS if f"model_sharing_provider.{name}" in imported} == set()


def test_no_request_waits_until_services_and_rows_are_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_HOME", str(tmp_path / "home"))
    imported = _imported(_SERVE)
    for package in map(import_module, (f"model_sharing_provider.{name}" for name in _FOR_REQUESTS)):
        modules = {module.name for module in iter_modules(package.__path__, f"{package.__name__}.")}
        assert modules - imported <= _WHEN_ASKED


def test_a_server_that_shows_no_page_imports_nothing_for_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_HOME", str(tmp_path / "home"))
    assert not _imported(_SERVE) & _FOR_PEOPLE


def _imported(program: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())
