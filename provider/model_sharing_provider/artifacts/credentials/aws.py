"""Amazon S3, and stores with a compatible STS: a session limited to one folder by its policy.

With a role, the session is made by AssumeRole; without, by GetFederationToken, which needs the keys of an IAM
user. Keys, region and endpoint are found as by the cloud's own tools.
"""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta
from functools import cached_property
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnected

from model_sharing_provider.artifacts.credentials.vendor import (
    Vendor,
    bucket_and_folder,
    clocks_differ,
    refused,
    unavailable,
)
from model_sharing_provider.domain.credentials import SessionKeys, TemporaryCredentials

_PATIENCE = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
_CLOCK_ERRORS = {"RequestExpired", "RequestTimeTooSkewed"}
_CLOCK_WORDS = re.compile("signature (expired|not yet current)", re.IGNORECASE)
_READING = ("s3:GetObject",)
_WRITING = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
_DEFAULT_REGION = "us-east-1"


def open_vendor(role_arn: str) -> Vendor:
    return _Aws(role_arn)


class _Aws:
    def __init__(self, role_arn: str) -> None:
        self._role_arn = role_arn

    def address(self, location: str) -> str:
        return location

    def vend(self, location: str, lifetime: timedelta, holder: str, *, write: bool) -> TemporaryCredentials:
        try:
            policy = json.dumps(session_policy(location, self._partition, write=write), separators=(",", ":"))
            asked = {"Policy": policy, "DurationSeconds": int(lifetime.total_seconds())}
            if self._role_arn:
                answer = self._sts.assume_role(RoleArn=self._role_arn, RoleSessionName=holder, **asked)
            else:
                answer = self._sts.get_federation_token(Name=holder, **asked)
        except ClientError as error:
            said = error.response["Error"]
            if said["Code"] in _CLOCK_ERRORS or _CLOCK_WORDS.search(said.get("Message", "")):
                raise clocks_differ(error) from error
            raise refused(error) from error
        except (NotConnected, HTTPClientError) as error:
            raise unavailable(error) from error
        except BotoCoreError as error:
            raise refused(error, "this provider has no usable credentials of its own") from error
        given = answer["Credentials"]
        return TemporaryCredentials(
            aws_temp_credentials=SessionKeys(
                given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
            ),
            expiration_time=int(given["Expiration"].timestamp() * 1000),
        )

    @cached_property
    def _session(self) -> Any:
        return botocore.session.get_session()

    @cached_property
    def _region(self) -> str:
        # Amazon's tools for Python ignore AWS_REGION, unlike all others.
        return os.environ.get("AWS_REGION") or self._session.get_config_variable("region") or _DEFAULT_REGION

    @cached_property
    def _partition(self) -> str:
        return str(self._session.get_partition_for_region(self._region))

    @cached_property
    def _sts(self) -> Any:
        return self._session.create_client("sts", region_name=self._region, config=_PATIENCE)


def session_policy(location: str, partition: str, *, write: bool) -> dict[str, Any]:
    """Session policy to read and list the folder; with `write`, also to write there, by multipart too.

    A session has the permissions that both its policy and its parent identity have.
    """
    bucket, folder = bucket_and_folder(location)
    arn, inside = f"arn:{partition}:s3:::{bucket}", f"{_literally(folder)}*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [*_READING, *(_WRITING if write else ())],
                "Resource": f"{arn}/{inside}",
            },
            {
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": arn,
                "Condition": {"StringLike": {"s3:prefix": inside}},
            },
        ],
    }


def _literally(text: str) -> str:
    """Text escaped for a pattern of IAM."""
    return re.sub(r"[*?$]", r"${\g<0>}", text)
