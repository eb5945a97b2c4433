"""Prometheus metrics of the back ends: database, artifact store, signed URLs, tokens and keys."""

from __future__ import annotations

from functools import cache
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from model_sharing_provider.http.metrics import share_labels
from model_sharing_provider.telemetry.reports import Measured, Report

_QUICK = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)
_SLOW = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
_NEWEST: Final = "livemostrecent"
"""Mode of a gauge that keeps the value of the worker that set it last."""

DATABASE_WAIT = Histogram(
    "model_sharing_database_wait_seconds",
    "Time until a connection was free, a writer could begin, or an audit event was committed",
    ["kind"],
    buckets=_QUICK,
)
DATABASE = Histogram(
    "model_sharing_database_seconds",
    "Time of reads, statements and whole transactions",
    ["kind"],
    buckets=_QUICK,
)
DATABASE_ERRORS = Counter("model_sharing_database_errors", "Errors of the database, by name", ["error"])
STORE = Histogram(
    "model_sharing_artifact_store_seconds",
    "Time of calls to the artifact store",
    ["kind", "operation"],
    buckets=_QUICK,
)
STORE_ERRORS = Counter(
    "model_sharing_artifact_store_errors",
    "Failed calls to the artifact store, by its client's name for the error",
    ["kind", "operation", "error"],
)
FINALIZE = Histogram(
    "model_sharing_finalize_seconds",
    "Time to finalize a version whose files have all been uploaded, hashing included",
    ["outcome"],
    buckets=_SLOW,
)
REFUSED_URLS = Counter("model_sharing_refused_urls", "Signed URLs that were refused", ["reason"])
ISSUED = Counter(
    "model_sharing_file_issued_bytes",
    "Bytes of files that presigned URLs were issued for; the bucket may send fewer",
    ["share", "recipient"],
)
PULLED = Counter(
    "model_sharing_pulled_bytes", "Bytes of shared catalogs that crossed from their providers", ["provider"]
)
FAILED_PULLS = Counter(
    "model_sharing_failed_pulls", "Pulls from providers that failed; readers had an error", ["provider"]
)
MIRRORED = Counter(
    "model_sharing_mirrored_bytes",
    "Bytes of shared catalogs that were asked for and were here, by presigned URLs included",
    ["provider"],
)
EXPIRY = Gauge(
    "model_sharing_expiry_timestamp_seconds",
    "Expiry of the next of its kind, in epoch seconds; +Inf if none expires",
    ["kind"],
    multiprocess_mode=_NEWEST,
)
EXPIRING = Gauge(
    "model_sharing_expiring_within_7_days",
    "Number of a kind that expire within a week",
    ["kind"],
    multiprocess_mode=_NEWEST,
)
SIGNING_KEY = Gauge(
    "model_sharing_signing_key_created_timestamp_seconds",
    "Creation time of the key that signs models, in epoch seconds; keys do not expire",
    multiprocess_mode=_NEWEST,
)
SHARED_CATALOG_CONFIRMED = Gauge(
    "model_sharing_shared_catalog_confirmed_timestamp_seconds",
    "Time at which the provider last confirmed what a shared catalog shows, in epoch seconds",
    ["catalog"],
    multiprocess_mode=_NEWEST,
)
SHARED_CATALOG_FAILING = Gauge(
    "model_sharing_shared_catalog_failing",
    "1 for a shared catalog that cannot be brought up to date, 0 otherwise; 'catalog show' says why",
    ["catalog"],
    multiprocess_mode=_NEWEST,
)
JOBS = Gauge(
    "model_sharing_jobs",
    "Background jobs of all servers that are queued, running, or failed within a week",
    ["kind", "state"],
    multiprocess_mode=_NEWEST,
)
JOBS_WAIT = Gauge(
    "model_sharing_jobs_waiting_seconds",
    "Time for which the oldest queued job has been due; it grows if no server works on jobs",
    multiprocess_mode=_NEWEST,
)
REPLICA_STALENESS = Gauge(
    "model_sharing_replica_staleness_seconds",
    "Age of the rows of a replica; beyond MODEL_SHARING_PROVIDER_REPLICA_MAX_STALENESS it answers nothing",
    multiprocess_mode=_NEWEST,
)
SPOOLED = Gauge(
    "model_sharing_audit_events_spooled",
    "Audit events of a replica that are not delivered to its home yet",
    multiprocess_mode=_NEWEST,
)


def count_report(report: Report) -> None:
    """Count a report of a service or store."""
    labels = report.labels
    match report.measured:
        case Measured.DATABASE_WAIT:
            _observed(DATABASE_WAIT, labels["kind"]).observe(report.amount)
        case Measured.DATABASE:
            _observed(DATABASE, labels["kind"]).observe(report.amount)
        case Measured.DATABASE_ERRORS:
            DATABASE_ERRORS.labels(report.error).inc()
        case Measured.ARTIFACT_STORE:
            of_call = labels["kind"], labels["operation"]
            _observed(STORE, *of_call).observe(report.amount)
            if report.error:
                STORE_ERRORS.labels(*of_call, report.error).inc()
        case Measured.FINALIZE:
            _observed(FINALIZE, "FAILED" if report.error else "OK").observe(report.amount)
        case Measured.REFUSED_URLS:
            REFUSED_URLS.labels(labels["reason"]).inc()
        case Measured.PULLED_BYTES:
            PULLED.labels(labels["provider"]).inc(report.amount)
        case Measured.FAILED_PULLS:
            FAILED_PULLS.labels(labels["provider"]).inc(report.amount)
        case Measured.MIRRORED_BYTES:
            MIRRORED.labels(labels["provider"]).inc(report.amount)
        case Measured.ISSUED_BYTES:
            ISSUED.labels(*share_labels.labels(labels["share"], labels["recipient"])).inc(report.amount)
        case Measured.REPLICA_STALENESS | Measured.AUDIT_EVENTS_SPOOLED as measured:
            (REPLICA_STALENESS if measured is Measured.REPLICA_STALENESS else SPOOLED).set(report.amount)


# Looking up a histogram by its labels costs more than observing a value.
@cache
def _observed(histogram: Histogram, *labels: str) -> Histogram:
    return histogram.labels(*labels)
