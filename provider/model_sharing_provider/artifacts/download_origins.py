"""Origins of downloads that do not come from this server: buckets, and the CDNs in front of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from model_sharing_provider.artifacts.cdn.signed_urls import CdnUrls
from model_sharing_provider.artifacts.external_locations import ExternalLocations
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.artifacts.store_errors import reading
from model_sharing_provider.domain.cdns import Cdn

_SAMPLE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class CdnSample:
    """Object that a CDN should deliver, by its signed URL alone; without URLs if there is no object yet."""

    cdn: Cdn
    url: str = ""
    signed_url: str = ""


class DownloadOrigins:
    def __init__(
        self,
        artifacts: ArtifactStore,
        external: ExternalLocations,
        cdns: CdnUrls,
        *,
        presigns: bool = True,
    ) -> None:
        self._artifacts = artifacts
        self._external = external
        self._cdns = cdns
        self._presigns = presigns

    async def origins(self) -> tuple[str, ...]:
        """Origins such as `https://s3.eu-west-1.amazonaws.com`, which recipients record when they mount.

        Those of CDNs that are not in use yet are among them.
        """
        found = set()
        for path in ("anything", *(f"{location}/anything" for location in self._external.allowed)):
            for url in await self._artifacts.presign([path], 1) or ():
                parts = urlsplit(url)
                found.add(f"{parts.scheme}://{parts.netloc}")
        if self._presigns:
            found |= {cdn.origin for cdn in self._cdns.cdns if any(self._places(cdn))}
        return tuple(sorted(found))

    async def cdn_samples(self) -> list[CdnSample]:
        """Sample of each CDN in use for a location of this provider. Raises as reading the store does."""
        samples = []
        for cdn in self._cdns.cdns if self._presigns else ():
            for place in self._places(cdn) if cdn.in_use else ():
                location = await self._find_object(place)
                if location and self._cdns.find(location) == cdn:
                    [signed] = await self._cdns.sign(cdn, [location], _SAMPLE_SECONDS)
                    samples.append(CdnSample(cdn, cdn.url_of(location), signed))
                else:
                    samples.append(CdnSample(cdn))
        return samples

    def _places(self, cdn: Cdn) -> Iterator[str]:
        """Locations that this CDN delivers and this provider reads."""
        for base in (self._artifacts.root, *self._external.allowed):
            if cdn.delivers(base):
                yield base
            elif f"{cdn.location}/".startswith(f"{base}/"):
                yield cdn.location

    async def _find_object(self, place: str) -> str | None:
        """Location of some object below a place that is not empty."""
        if f"{place}/".startswith(f"{self._artifacts.root}/"):
            async for batch in self._artifacts.list(place[len(self._artifacts.root) + 1 :]):
                if found := [item.path for item in batch if item.size]:
                    return self._artifacts.location(found[0])
            return None
        with reading(place):
            backend, folder = await self._external.open(place)
            async for batch in backend.list_objects(folder):
                if found := [item.path for item in batch if item.size]:
                    return f"{place.removesuffix(folder).rstrip('/')}/{found[0]}"
        return None
