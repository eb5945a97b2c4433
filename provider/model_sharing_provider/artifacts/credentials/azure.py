"""Azure Blob Storage: a SAS token for one folder, signed by a user delegation key.

Azure can limit a token to a folder only in accounts with a hierarchical namespace; elsewhere it offers only
one blob or the whole container, so no token is issued. The account is named in `AZURE_STORAGE_ACCOUNT_NAME`;
the identity is found as by Azure's own tools.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import cached_property

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient, generate_blob_sas

from model_sharing_provider.artifacts.credentials.vendor import (
    Vendor,
    bucket_and_folder,
    refused,
    unavailable,
)
from model_sharing_provider.domain.credentials import SasToken, TemporaryCredentials

_ACCOUNT, _ENDPOINT = "AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ENDPOINT"
# The clocks of Azure and of the token's users may be behind ours.
_CLOCKS_DIFFER_BY = timedelta(minutes=5)
_READ_AND_LIST = "rl"
_READ_WRITE_AND_LIST = "rcwl"


def open_vendor() -> Vendor:
    return _Azure()


class _Azure:
    def address(self, location: str) -> str:
        container, folder = bucket_and_folder(location)
        return f"abfss://{container}@{os.environ[_ACCOUNT]}.dfs.core.windows.net/{folder}".rstrip("/")

    def vend(self, location: str, lifetime: timedelta, holder: str, *, write: bool) -> TemporaryCredentials:
        container, folder = bucket_and_folder(location)
        now = datetime.now(UTC).replace(microsecond=0)
        starts, expires = now - _CLOCKS_DIFFER_BY, now + lifetime
        try:
            if not self._scopes_to_folders:
                raise refused(
                    f"the account {os.environ[_ACCOUNT]} has no hierarchical namespace",
                    "Azure scopes them to a folder only in accounts with a hierarchical namespace",
                )
            key = self._service.get_user_delegation_key(starts, expires)
        except (ServiceRequestError, ServiceResponseError) as error:
            raise unavailable(error) from error
        except ClientAuthenticationError as error:
            raise refused(error, "this provider has no usable credentials of its own") from error
        except AzureError as error:
            raise refused(error) from error
        token = generate_blob_sas(
            os.environ[_ACCOUNT],
            container,
            folder.rstrip("/"),
            user_delegation_key=key,
            permission=_READ_WRITE_AND_LIST if write else _READ_AND_LIST,
            start=starts,
            expiry=expires,
            protocol="https",
            is_directory=True,
        )
        return TemporaryCredentials(
            azure_user_delegation_sas=SasToken(token), expiration_time=int(expires.timestamp() * 1000)
        )

    @cached_property
    def _service(self) -> BlobServiceClient:
        endpoint = os.environ.get(_ENDPOINT) or f"https://{os.environ[_ACCOUNT]}.blob.core.windows.net"
        return BlobServiceClient(endpoint, credential=DefaultAzureCredential())

    @cached_property
    def _scopes_to_folders(self) -> bool:
        return bool(self._service.get_account_information()["is_hns_enabled"])
