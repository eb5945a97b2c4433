"""What can be set from outside, all of it by environment variables.

MODEL_SHARING_PROVIDER_HOME   folder of database, artifacts and secrets; default: the user's data folder
MODEL_SHARING_DATABASE_URL    postgresql://user:password@host:port/database; default: a file in the home
MODEL_SHARING_PUBLIC_URL      where recipients reach this server: goes into activation links, profiles
                              and file URLs; default: the address that the request came to
MODEL_SHARING_TRACKING_URI    a plain MLflow tracking server, to which calls about experiments and runs are
                              passed on; default: none
MODEL_SHARING_EXTERNAL_LOCATIONS
                              folders outside the home whose models may be shared in place, comma-separated:
                              file:///folder, s3://bucket/folder, gs://…, az://…; default: none
MODEL_SHARING_MAX_SHARES, MODEL_SHARING_MAX_RECIPIENTS, MODEL_SHARING_MAX_MODELS_IN_A_SHARE,
MODEL_SHARING_MAX_SCHEMAS_IN_A_SHARE
                              quotas; default: 1000, 5000, 1000, 500
MODEL_SHARING_LOG             debug, info or warning; default: info
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_data_path

from model_sharing_protocol.errors import InvalidParameter, SharingError
from model_sharing_provider.artifacts.external_locations import SETTING, parse_location
from model_sharing_provider.domain.quotas import Quotas

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8642


@dataclass(frozen=True, slots=True)
class Settings:
    """`public_url` has no trailing slash; empty means that nobody said."""

    home: Path
    public_url: str = ""
    log_level: str = "info"
    tracking_uri: str = ""
    external_locations: tuple[str, ...] = ()
    quotas: Quotas = field(default_factory=Quotas)
    postgresql_url: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls) -> Settings:
        """Raises InvalidParameter for a value that cannot be used, naming its variable."""
        home = os.environ.get("MODEL_SHARING_PROVIDER_HOME", "")
        if "?" in home:
            raise InvalidParameter(
                f"MODEL_SHARING_PROVIDER_HOME is {home!r}; a path with '?' cannot be used."
            )
        public_url = _http_url("MODEL_SHARING_PUBLIC_URL")
        tracking_uri = _http_url("MODEL_SHARING_TRACKING_URI")
        log_level = os.environ.get("MODEL_SHARING_LOG", "info").lower()
        if log_level not in ("debug", "info", "warning"):
            raise InvalidParameter(f"MODEL_SHARING_LOG is {log_level!r}; it is debug, info or warning.")
        folder = Path(home) if home else user_data_path("model-sharing-provider", appauthor=False)
        return cls(
            folder.expanduser().absolute(),
            public_url,
            log_level,
            tracking_uri,
            _external_locations(),
            _quotas(),
            _postgresql_url(),
        )

    @property
    def database_path(self) -> Path:
        return self.home / "metastore.db"

    @property
    def database_url(self) -> str:
        return self.postgresql_url or f"sqlite:///{self.database_path}"

    @property
    def database_shown(self) -> str:
        """Where the database is, without its password."""
        if not self.postgresql_url:
            return str(self.database_path)
        parts = urlsplit(self.postgresql_url)
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def artifact_root(self) -> Path:
        return self.home / "artifacts"

    @property
    def secrets_path(self) -> Path:
        return self.home / "secrets.json"

    @property
    def signing_keys_path(self) -> Path:
        return self.home / "signing-keys.json"

    @property
    def admin_token_path(self) -> Path:
        return self.home / "admin.token"

    @property
    def address_path(self) -> Path:
        """Where a running server leaves its URL, so that the CLI beside it can print links to it."""
        return self.home / "server.url"


def _quotas() -> Quotas:
    found = {}
    for quota in fields(Quotas):
        variable = f"MODEL_SHARING_MAX_{quota.name.upper()}"
        if text := os.environ.get(variable):
            if not (text.isascii() and text.isdigit() and len(text) <= 9):
                raise InvalidParameter(f"{variable} is {text!r}; it is a whole number.")
            found[quota.name] = int(text)
    return Quotas(**found)


def _postgresql_url() -> str:
    url = os.environ.get("MODEL_SHARING_DATABASE_URL", "")
    if url and not _is_postgresql(url):
        # Without its value, which may hold a password.
        raise InvalidParameter(
            "MODEL_SHARING_DATABASE_URL must be postgresql://user:password@host:port/database, "
            "with special characters of the password written as %XX."
        )
    return url


def _is_postgresql(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    # An '@' after the host is one of the password, after a '/', '?' or '#' that cut it short.
    cut = "@" in parts.path + parts.query + parts.fragment
    return parts.scheme in ("postgresql", "postgres") and not cut


def _http_url(variable: str) -> str:
    url = os.environ.get(variable, "").rstrip("/")
    if url and not _is_http(url):
        raise InvalidParameter(f"{variable} is {url!r}; it must be an http(s) URL.")
    return url


def _external_locations() -> tuple[str, ...]:
    named = (url.strip() for url in os.environ.get(SETTING, "").split(","))
    try:
        return tuple(parse_location(url) for url in named if url)
    except SharingError as error:
        raise InvalidParameter(f"{SETTING} cannot be used: {error.message}") from error


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
