"""Vending of temporary credentials, by the cloud in the settings."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec

from model_sharing_protocol.errors import InvalidParameter, MissingDependency
from model_sharing_provider.artifacts.credentials.vendor import Vendor
from model_sharing_provider.domain.credentials import TemporaryCredentials


@dataclass(frozen=True, slots=True)
class Cloud:
    """Cloud: the scheme of its locations, the packages of its extra, and its required variables.

    Its vendor is opened by `open_vendor` of the module of its name, imported on demand.
    """

    scheme: str
    package: str = ""
    variables: tuple[str, ...] = ()


_CLOUDS = {
    "aws": Cloud("s3", "botocore"),
    "azure": Cloud("az", "azure.identity", ("AZURE_STORAGE_ACCOUNT_NAME",)),
    "gcp": Cloud("gs", "google.auth"),
    "r2": Cloud("s3", "", ("AWS_ACCESS_KEY_ID", "CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN")),
}


class Vending:
    """Vending of credentials for folders in the buckets of one cloud, or of none."""

    def __init__(self, cloud: str, lifetime: timedelta, aws_role_arn: str = "") -> None:
        """`cloud` as in `domain.credentials.CLOUDS`, or empty. Raises MissingDependency, InvalidParameter."""
        self._name = cloud
        self._lifetime = lifetime
        self._options = {"role_arn": aws_role_arn} if cloud == "aws" else {}
        self._opened: Vendor | None = None
        if cloud:
            _check_usable(cloud)

    def covers(self, location: str) -> bool:
        return bool(self._name) and location.startswith(f"{_CLOUDS[self._name].scheme}://")

    def address(self, location: str) -> str:
        """URL of a covered location for the cloud's clients."""
        return self._vendor().address(location)

    async def vend(self, location: str, holder: str, *, write: bool = False) -> TemporaryCredentials:
        """Credentials for a covered location. Raises the errors of `Vendor.vend`."""
        return await asyncio.to_thread(
            lambda: self._vendor().vend(location, self._lifetime, holder, write=write)
        )

    def _vendor(self) -> Vendor:
        if self._opened is None:
            module = import_module(f"model_sharing_provider.artifacts.credentials.{self._name}")
            vendor: Vendor = module.open_vendor(**self._options)
            self._opened = vendor
        return self._opened


def _check_usable(name: str) -> None:
    cloud = _CLOUDS[name]
    if cloud.package and not _is_installed(cloud.package):
        raise MissingDependency(
            f"Temporary credentials of {name} need its client: pip install 'model-sharing[{name}]'"
        )
    if missing := [variable for variable in cloud.variables if not os.environ.get(variable)]:
        raise InvalidParameter(
            f"Temporary credentials of {name} need {' and '.join(missing)} in the environment, as its own "
            "tools do."
        )


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False
