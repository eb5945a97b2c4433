"""Settings of a provider: the one table of what can be set from outside, and `Settings`, which holds values.

A row is `MODEL_SHARING_PROVIDER_<NAME>` in the environment and `<name>` in the TOML file; what begins with
`SERVE_` is also an option of `serve`. `docs/reference/settings.md` shows this table.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from model_sharing_provider.configuration.kinds import (
    DURATION,
    HTTP_URL,
    LOCATION,
    LOCATIONS,
    NETWORKS,
    PATH,
    POSTGRESQL_URL,
    TEXT,
    YES_OR_NO,
    Kind,
    choice,
    duration_between,
    whole_number,
    without_credentials,
)
from model_sharing_provider.domain.credentials import CLOUDS
from model_sharing_provider.domain.quotas import Quotas
from model_sharing_provider.domain.request_rates import RequestRates

PREFIX = "MODEL_SHARING_PROVIDER_"
_QUOTAS = Quotas()
_RATES = RequestRates()
_CONNECTIONS = 24
_ROW = "setting"


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the table. `unset` says what holds when nobody sets it."""

    name: str
    kind: Kind
    meaning: str
    unset: str

    @property
    def variable(self) -> str:
        return PREFIX + self.name

    @property
    def key(self) -> str:
        return self.name.lower()


def _setting(name: str, kind: Kind, meaning: str, default: Any, unset: str | None = None) -> Any:
    row = Setting(name, kind, meaning, str(default) if unset is None else unset)
    return field(default=default, repr=kind.shown is None, metadata={_ROW: row})


@dataclass(frozen=True, slots=True)
class Settings:
    """Empty text means that nobody said."""

    home: Path = _setting(
        "HOME",
        PATH,
        "where everything is kept that has no place of its own",
        user_data_path("model-sharing-provider", appauthor=False),
        "your platform's folder for user data",
    )
    postgresql_url: str = _setting(
        "DATABASE_URL",
        POSTGRESQL_URL,
        "the database to keep the rows in",
        "",
        "an SQLite file in the home",
    )
    database_connections: int = _setting(
        "DATABASE_CONNECTIONS",
        whole_number(6, 1000),
        "how many connections to PostgreSQL one process opens at most: times the workers of all servers, and "
        "as many for commands, it has to stay below the database's `max_connections`",
        _CONNECTIONS,
    )
    artifact_root: str = _setting(
        "ARTIFACT_ROOT",
        LOCATION,
        "where the files of models are kept: `file:///folder`, `s3://bucket/folder`, `gs://…`, `az://…`",
        "",
        "the folder `artifacts` in the home",
    )
    presigned_urls: bool = _setting(
        "PRESIGNED_URLS",
        YES_OR_NO,
        "whether files in a bucket are fetched from there by URLs that it signs; with `no`, as when "
        "recipients cannot reach it, they come through this server",
        True,
        "yes",
    )
    temporary_credentials: str = _setting(
        "TEMPORARY_CREDENTIALS",
        choice(*CLOUDS),
        "the cloud that gives temporary credentials for versions in its buckets",
        "",
        "no credentials are given out",
    )
    credentials_lifetime: timedelta = _setting(
        "TEMPORARY_CREDENTIALS_LIFETIME",
        # Amazon gives none that are shorter, Google none that are longer.
        duration_between("15m", "1h"),
        "how long such credentials are good for, even when access is revoked meanwhile",
        timedelta(minutes=15),
        "15m",
    )
    aws_role_arn: str = _setting(
        "AWS_ROLE_ARN",
        TEXT,
        "the role whose sessions such credentials are, on AWS",
        "",
        "those of a federated user of the IAM user that this server is",
    )
    secrets_file: Path | None = _setting(
        "SECRETS_FILE",
        PATH,
        "the peppers of tokens and the keys of URLs, the same for all servers; it has to be there, and may "
        "be read only",
        None,
        "`secrets.json` in the home, made at the first start",
    )
    signing_keys_file: Path | None = _setting(
        "SIGNING_KEYS_FILE",
        PATH,
        "the keys that models are signed with, the same for all servers; it has to be there too",
        None,
        "`signing-keys.json` in the home",
    )
    public_url: str = _setting(
        "PUBLIC_URL",
        HTTP_URL,
        "where recipients reach this server: it goes into activation links, profiles and file URLs",
        "",
        "the address that a request came to",
    )
    tracking_uri: str = _setting(
        "TRACKING_URI",
        HTTP_URL,
        "a plain MLflow tracking server, to which calls about experiments and runs are passed on",
        "",
        "none",
    )
    external_locations: tuple[str, ...] = _setting(
        "EXTERNAL_LOCATIONS",
        LOCATIONS,
        "folders whose models may be shared in place, without copying them: "
        "`file:///folder`, `s3://bucket/folder`, `gs://…`, `az://…`",
        (),
        "none",
    )
    max_shares: int = _setting("MAX_SHARES", whole_number(), "quota of shares", _QUOTAS.shares)
    max_recipients: int = _setting(
        "MAX_RECIPIENTS", whole_number(), "quota of recipients", _QUOTAS.recipients
    )
    max_models_in_a_share: int = _setting(
        "MAX_MODELS_IN_A_SHARE", whole_number(), "quota of models in one share", _QUOTAS.models_in_a_share
    )
    max_schemas_in_a_share: int = _setting(
        "MAX_SCHEMAS_IN_A_SHARE", whole_number(), "quota of schemas in one share", _QUOTAS.schemas_in_a_share
    )
    max_failures: int = _setting(
        "MAX_FAILURES_PER_MINUTE",
        whole_number(),
        "wrong tokens, activation links and file URLs from one address (of IPv6, a /64) until it is answered "
        "with 429, but for tokens that were good within the hour; each worker counts for itself, and 0 is no "
        "limit, as in the next two",
        _RATES.failures,
    )
    max_calls: int = _setting(
        "MAX_REQUESTS_PER_MINUTE", whole_number(), "requests of one recipient or principal", _RATES.calls
    )
    max_file_requests: int = _setting(
        "MAX_FILE_REQUESTS_PER_MINUTE",
        whole_number(),
        "requests for files by signed URLs that were given out under one token",
        _RATES.file_requests,
    )
    allowed_provider_networks: tuple[str, ...] = _setting(
        "ALLOWED_PROVIDER_NETWORKS",
        NETWORKS,
        "networks besides the public Internet in which this server may ask other providers for their shares",
        (),
        "none",
    )
    trusted_proxies: tuple[str, ...] = _setting(
        "TRUSTED_PROXIES",
        NETWORKS,
        "proxies whose X-Forwarded-For, -Proto and -Host are believed, in IP access lists, the audit log and "
        "links; let them replace what clients send of these",
        (),
        "none",
    )
    log_level: str = _setting(
        "LOG",
        choice("debug", "info", "warning", "error"),
        "how much is logged; probes of `/health` and `/ready` that go well are for debugging",
        "info",
    )
    log_format: str = _setting(
        "LOG_FORMAT",
        choice("auto", "json", "console"),
        "what lines look like: JSON, or short and coloured for people; `auto` is for people on a terminal",
        "auto",
    )

    host: str = _setting("SERVE_HOST", TEXT, "the address to listen on", "127.0.0.1")
    port: int = _setting(
        "SERVE_PORT", whole_number(0, 65535), "the port to listen on; 0 takes any free one", 8642
    )
    tls_certificate: Path | None = _setting(
        "SERVE_TLS_CERTIFICATE", PATH, "a PEM file with the certificate and its chain", None, "plain http"
    )
    tls_key: Path | None = _setting(
        "SERVE_TLS_KEY", PATH, "the certificate's private key", None, "in the certificate's file"
    )

    workers: int = _setting(
        "SERVE_WORKERS", whole_number(1, 1000), "how many processes serve the port; one for each core, say", 1
    )
    drain: timedelta = _setting(
        "SERVE_DRAIN",
        DURATION,
        "how long requests are still taken after SIGTERM, while `/ready` says no: as long as a load balancer "
        "needs to look",
        timedelta(0),
        "0",
    )
    grace: timedelta = _setting(
        "SERVE_GRACE",
        DURATION,
        "how long transfers in progress may go on after that; what is cut is resumed at another server",
        timedelta(seconds=10),
        "10s",
    )

    metrics_port: int | None = _setting(
        "SERVE_METRICS_PORT",
        whole_number(0, 65535),
        "where Prometheus finds `/metrics`, which names shares and recipients: a port that they do not reach",
        None,
        "no metrics",
    )
    metrics_host: str = _setting(
        "SERVE_METRICS_HOST", TEXT, "the address that the metrics' port is on", "127.0.0.1"
    )

    @property
    def quotas(self) -> Quotas:
        return Quotas(
            shares=self.max_shares,
            recipients=self.max_recipients,
            models_in_a_share=self.max_models_in_a_share,
            schemas_in_a_share=self.max_schemas_in_a_share,
        )

    @property
    def request_rates(self) -> RequestRates:
        return RequestRates(
            failures=self.max_failures, calls=self.max_calls, file_requests=self.max_file_requests
        )

    @property
    def database_path(self) -> Path:
        return self.home / "metastore.db"

    @property
    def database_url(self) -> str:
        return self.postgresql_url or f"sqlite:///{self.database_path}"

    @property
    def database_shown(self) -> str:
        """Location of the database, without its password."""
        return without_credentials(self.postgresql_url) if self.postgresql_url else str(self.database_path)

    @property
    def artifact_root_url(self) -> str:
        return self.artifact_root or f"file://{self.home / 'artifacts'}"

    @property
    def secrets_path(self) -> Path:
        return self.secrets_file or self.home / "secrets.json"

    @property
    def signing_keys_path(self) -> Path:
        return self.signing_keys_file or self.home / "signing-keys.json"

    @property
    def admin_token_path(self) -> Path:
        return self.home / "admin.token"

    @property
    def address_path(self) -> Path:
        """File in which a running server leaves its URL, so that the CLI beside it can print links to it."""
        return self.home / "server.url"


TABLE: dict[str, Setting] = {each.name: each.metadata[_ROW] for each in fields(Settings)}
"""The rows by the field of `Settings` that holds the value."""
