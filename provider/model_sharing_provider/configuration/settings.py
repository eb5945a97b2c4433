"""Settings of a provider: the table of all settings, and `Settings`, which holds their values.

A row is `MODEL_SHARING_PROVIDER_<NAME>` in the environment and `<name>` in the TOML file; settings that begin
with `SERVE_` are also options of `serve`. `docs/reference/settings.md` shows this table.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path

from platformdirs import user_data_path

from model_sharing_provider.configuration.kinds import (
    DURATION,
    HTTP_URL,
    LOCATION,
    LOCATIONS,
    NETWORKS,
    PATH,
    POSTGRESQL_URL,
    SIZE,
    TEXT,
    YES_OR_NO,
    choice,
    duration_between,
    whole_number,
    without_credentials,
)
from model_sharing_provider.configuration.recipient_settings import RecipientSettings
from model_sharing_provider.configuration.rows import ROW, Setting, setting
from model_sharing_provider.domain.credentials import CLOUDS
from model_sharing_provider.domain.mirrors import FreshnessPolicy
from model_sharing_provider.domain.pulls import PullLimits
from model_sharing_provider.domain.quotas import Quotas
from model_sharing_provider.domain.request_rates import RequestRates

_QUOTAS = Quotas()
_RATES = RequestRates()
_FRESHNESS = FreshnessPolicy()
_CONNECTIONS = 24


@dataclass(frozen=True, slots=True)
class Settings(RecipientSettings):
    """Settings of a provider; an empty text means unset."""

    home: Path = setting(
        "HOME",
        PATH,
        "the folder for all files without a setting of their own",
        user_data_path("model-sharing-provider", appauthor=False),
        "your platform's folder for user data",
    )
    postgresql_url: str = setting(
        "DATABASE_URL",
        POSTGRESQL_URL,
        "the database for the rows",
        "",
        "an SQLite file in the home",
    )
    database_connections: int = setting(
        "DATABASE_CONNECTIONS",
        whole_number(6, 1000),
        "limit of connections to PostgreSQL per process: multiplied by the workers of all servers, plus as "
        "many for commands, it must stay below the database's `max_connections`",
        _CONNECTIONS,
    )
    artifact_root: str = setting(
        "ARTIFACT_ROOT",
        LOCATION,
        "the storage for the files of models: `file:///folder`, `s3://bucket/folder`, `gs://…`, `az://…`",
        "",
        "the folder `artifacts` in the home",
    )
    file_locations: bool = setting(
        "FILE_LOCATIONS",
        YES_OR_NO,
        "tell clients on this machine in which folder of the local artifact root a version's files are, for "
        "MLflow's `uc:` and others that read and write files themselves",
        True,
        "yes",
    )
    presigned_urls: bool = setting(
        "PRESIGNED_URLS",
        YES_OR_NO,
        "fetch files directly from the bucket, by URLs that it signs; with `no`, as when recipients cannot "
        "reach it, they are sent through this server",
        True,
        "yes",
    )
    cdn_file: Path | None = setting(
        "CDN_FILE",
        PATH,
        "a TOML file with the CDNs in front of buckets, by whose URLs files are then fetched, and the files "
        "of their keys; all are read again when they change",
        None,
        "none: URLs are those of the buckets",
    )
    temporary_credentials: str = setting(
        "TEMPORARY_CREDENTIALS",
        choice(*CLOUDS),
        "the cloud that issues temporary credentials for versions in its buckets",
        "",
        "no credentials are issued",
    )
    credentials_lifetime: timedelta = setting(
        "TEMPORARY_CREDENTIALS_LIFETIME",
        # Amazon issues none that are shorter, Google none that are longer.
        duration_between("15m", "1h"),
        "the lifetime of such credentials, which a revocation does not shorten",
        timedelta(minutes=15),
        "15m",
    )
    aws_role_arn: str = setting(
        "AWS_ROLE_ARN",
        TEXT,
        "the role to assume for such credentials, on AWS",
        "",
        "a federated user of this server's IAM user",
    )
    secrets_file: Path | None = setting(
        "SECRETS_FILE",
        PATH,
        "the file with the peppers of tokens and the keys of URLs, the same for all servers; it must exist, "
        "and may be read-only",
        None,
        "`secrets.json` in the home, created at the first start",
    )
    signing_keys_file: Path | None = setting(
        "SIGNING_KEYS_FILE",
        PATH,
        "the file with the signing keys for models, the same for all servers; it must exist, too",
        None,
        "`signing-keys.json` in the home",
    )
    public_url: str = setting(
        "PUBLIC_URL",
        HTTP_URL,
        "the URL at which recipients reach this server, for activation links, profiles and file URLs",
        "",
        "the address of the request",
    )
    tracking_uri: str = setting(
        "TRACKING_URI",
        HTTP_URL,
        "an MLflow tracking server, to which calls about experiments and runs are forwarded",
        "",
        "none",
    )
    external_locations: tuple[str, ...] = setting(
        "EXTERNAL_LOCATIONS",
        LOCATIONS,
        "folders whose models may be shared in place, without copying them: "
        "`file:///folder`, `s3://bucket/folder`, `gs://…`, `az://…`",
        (),
        "none",
    )
    recalled_versions: str = setting(
        "RECALLED_VERSIONS",
        choice("refuse", "warn", "drop"),
        "files of recalled versions, for principals other than the model's owner: `refuse` them, or give "
        "them and `warn` by the version's fields; `drop` also deletes what was fetched of such a version of "
        "a shared catalog",
        "refuse",
    )
    max_shares: int = setting("MAX_SHARES", whole_number(), "quota of shares", _QUOTAS.shares)
    max_recipients: int = setting("MAX_RECIPIENTS", whole_number(), "quota of recipients", _QUOTAS.recipients)
    max_models_in_a_share: int = setting(
        "MAX_MODELS_IN_A_SHARE", whole_number(), "quota of models in one share", _QUOTAS.models_in_a_share
    )
    max_schemas_in_a_share: int = setting(
        "MAX_SCHEMAS_IN_A_SHARE", whole_number(), "quota of schemas in one share", _QUOTAS.schemas_in_a_share
    )
    max_failures: int = setting(
        "MAX_FAILURES_PER_MINUTE",
        whole_number(),
        "invalid tokens, activation links and file URLs from one address (for IPv6, a /64) until it gets "
        "429, except with tokens that were valid within the hour; each worker counts separately, and 0 means "
        "no limit, as in the next two",
        _RATES.failures,
    )
    max_calls: int = setting(
        "MAX_REQUESTS_PER_MINUTE", whole_number(), "requests of one recipient or principal", _RATES.calls
    )
    max_file_requests: int = setting(
        "MAX_FILE_REQUESTS_PER_MINUTE",
        whole_number(),
        "requests for files by signed URLs that were issued under one token",
        _RATES.file_requests,
    )
    allowed_provider_networks: tuple[str, ...] = setting(
        "ALLOWED_PROVIDER_NETWORKS",
        NETWORKS,
        "networks, besides the public Internet, in which this server may call other providers",
        (),
        "none",
    )
    mirror_staleness: timedelta = setting(
        "MIRROR_STALENESS",
        DURATION,
        "the greatest age of an alias or version that is read from a shared catalog, while its provider "
        "can be asked",
        _FRESHNESS.bound,
        "5s",
    )
    mirror_grace: timedelta = setting(
        "MIRROR_GRACE",
        DURATION,
        "the greatest age of what is served from a shared catalog while its provider cannot be asked",
        _FRESHNESS.grace,
        "24h",
    )
    mirror_after_revocation: str = setting(
        "MIRROR_AFTER_REVOCATION",
        choice("refuse", "serve"),
        "what happens to a shared catalog once its provider has withdrawn the share, refuses the token or "
        "signs with an unknown key: reads are refused, or served for the grace",
        "refuse",
    )
    mirror_max_size: int | None = setting(
        "MIRROR_MAX_SIZE",
        SIZE,
        "the limit of what is kept of the files of all shared catalogs: the least recently read are deleted "
        "first, and fetched again when somebody needs them",
        None,
        "no limit",
    )
    mirror_max_age: timedelta | None = setting(
        "MIRROR_MAX_AGE",
        DURATION,
        "the time without a reader after which a shared catalog's files are deleted here",
        None,
        "no limit",
    )
    mirror_scratch_size: int = setting(
        "MIRROR_SCRATCH_SIZE",
        SIZE,
        "the limit of the folder `upstream-cache` in each server's home, in which files of shared catalogs "
        "arrive, and from which later versions are made",
        10 * 1024**3,
        "10GiB",
    )
    trusted_proxies: tuple[str, ...] = setting(
        "TRUSTED_PROXIES",
        NETWORKS,
        "proxies whose X-Forwarded-For, -Proto and -Host are trusted, in IP access lists, the audit log and "
        "links; they must replace these headers of clients",
        (),
        "none",
    )
    log_level: str = setting(
        "LOG",
        choice("debug", "info", "warning", "error"),
        "the log level; successful probes of `/health` and `/ready` are logged at debug",
        "info",
    )
    log_format: str = setting(
        "LOG_FORMAT",
        choice("auto", "json", "console"),
        "the log format: JSON, or short and coloured for people; `auto` chooses the latter on a terminal",
        "auto",
    )

    host: str = setting("SERVE_HOST", TEXT, "the address to listen on", "127.0.0.1")
    port: int = setting(
        "SERVE_PORT", whole_number(0, 65535), "the port to listen on; 0 chooses a free one", 8642
    )
    tls_certificate: Path | None = setting(
        "SERVE_TLS_CERTIFICATE", PATH, "a PEM file with the certificate and its chain", None, "plain http"
    )
    tls_key: Path | None = setting(
        "SERVE_TLS_KEY", PATH, "the certificate's private key", None, "in the certificate's file"
    )

    ui: bool = setting(
        "SERVE_UI",
        YES_OR_NO,
        "serve the explorer, pages for people, at `/explorer`",
        True,
        "yes",
    )
    workers: int = setting(
        "SERVE_WORKERS", whole_number(1, 1000), "number of server processes, such as one per core", 1
    )
    drain: timedelta = setting(
        "SERVE_DRAIN",
        DURATION,
        "time after SIGTERM during which requests are still accepted while `/ready` fails, so that load "
        "balancers notice",
        timedelta(0),
        "0",
    )
    grace: timedelta = setting(
        "SERVE_GRACE",
        DURATION,
        "time after that for transfers in progress; clients resume interrupted ones at another server",
        timedelta(seconds=10),
        "10s",
    )

    metrics_port: int | None = setting(
        "SERVE_METRICS_PORT",
        whole_number(0, 65535),
        "the port for Prometheus' `/metrics`, which names shares and recipients; they must not reach it",
        None,
        "no metrics",
    )
    metrics_host: str = setting("SERVE_METRICS_HOST", TEXT, "the address for the metrics' port", "127.0.0.1")

    @property
    def pull_limits(self) -> PullLimits:
        return PullLimits(max_size=self.mirror_max_size, max_age=self.mirror_max_age)

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
    def freshness_policy(self) -> FreshnessPolicy:
        return FreshnessPolicy(
            bound=self.mirror_staleness,
            grace=self.mirror_grace,
            serves_after_revocation=self.mirror_after_revocation == "serve",
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
    def upstream_cache_path(self) -> Path:
        return self.home / "upstream-cache"

    @property
    def audit_spool_path(self) -> Path:
        return self.home / "audit-spool.db"

    @property
    def admin_token_path(self) -> Path:
        return self.home / "admin.token"

    @property
    def address_path(self) -> Path:
        """File in which a running server stores its URL, so that the CLI can print links to it."""
        return self.home / "server.url"


# Those that are inherited, and keyword-only, come last.
_FIELDS = sorted(fields(Settings), key=lambda each: bool(each.kw_only))
TABLE: dict[str, Setting] = {each.name: each.metadata[ROW] for each in _FIELDS}
"""Rows of the table by their field in `Settings`."""
