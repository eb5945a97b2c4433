"""Settings of recipients: the limits of those that have none of their own."""

from __future__ import annotations

from dataclasses import dataclass

from model_sharing_provider.configuration.kinds import SIZE, whole_number
from model_sharing_provider.configuration.rows import setting
from model_sharing_provider.configuration.server_settings import ServerSettings
from model_sharing_provider.domain.recipient_limits import RecipientLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientSettings(ServerSettings):
    """Settings of recipients, which `Settings` has besides its own."""

    recipient_requests_per_minute: int = setting(
        "RECIPIENT_REQUESTS_PER_MINUTE",
        whole_number(),
        "limit of the requests of one recipient at all servers of the metastore together, unless it has one "
        "of its own; 0 means no limit, as in the next two",
        0,
    )
    recipient_bytes_per_day: int = setting(
        "RECIPIENT_BYTES_PER_DAY",
        SIZE,
        "limit of what one recipient is given a day (UTC): the bytes that servers send, and the sizes of "
        "what URLs of buckets and CDNs are issued for",
        0,
    )
    recipient_bytes_per_month: int = setting(
        "RECIPIENT_BYTES_PER_MONTH", SIZE, "the same limit for a calendar month (UTC)", 0
    )

    @property
    def recipient_limits(self) -> RecipientLimits:
        return RecipientLimits(
            self.recipient_requests_per_minute, self.recipient_bytes_per_day, self.recipient_bytes_per_month
        )
