"""moto's S3 and STS, with what moto leaves out: temporary credentials' signatures and session policies.

Run by the interpreter of moto's own environment. Other requests are let through, as moto does it.
"""

from __future__ import annotations

import fnmatch
import json
import re
from typing import Any

from moto.core.authorization import ActionAuthenticatorMixin
from moto.iam.access_control import S3IAMRequest
from moto.s3.exceptions import S3AccessDeniedError
from moto.s3.responses import S3Response
from moto.server import main
from moto.sts.models import sts_backends


def check(self: Any, bucket_name: str | None = None, key_name: str | None = None) -> None:
    """Check that moto calls before each answer of S3."""
    if "X-Amz-Security-Token" not in self.headers:
        return
    request = S3IAMRequest(
        account_id=self.current_account,
        method=self.method,
        path=self.raw_path + (f"?{self.parsed_url.query}" if self.parsed_url.query else ""),
        data=self.data,
        body=self.raw_body,
        headers=self.headers,
        action=self._get_action(),
    )
    request.check_signature()
    roles = sts_backends[self.current_account][self.partition].assumed_roles
    session = next(role for role in roles if role.access_key_id == request._access_key._access_key_id)
    resource = f"arn:aws:s3:::{bucket_name or '*'}" + (f"/{key_name}" if key_name else "")
    keys = {f"s3:{name}": values[0] for name, values in self.querystring.items()}
    statements = json.loads(session.policy)["Statement"]
    if not any(allows(statement, request._action, resource, keys) for statement in statements):
        raise S3AccessDeniedError()


def allows(statement: dict[str, Any], action: str, resource: str, keys: dict[str, str]) -> bool:
    """True if a statement allows this action on this resource (AWS, "IAM JSON policy reference")."""
    assert statement.keys() <= {"Sid", "Effect", "Action", "Resource", "Condition"}
    assert statement["Effect"] == "Allow"
    conditions = statement.get("Condition", {})
    assert conditions.keys() <= {"StringLike"}
    return (
        any(matches(pattern, action) for pattern in listed(statement["Action"]))
        and any(matches(pattern, resource) for pattern in listed(statement["Resource"]))
        and all(
            key in keys and any(matches(pattern, keys[key]) for pattern in listed(patterns))
            for key, patterns in conditions.get("StringLike", {}).items()
        )
    )


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def matches(pattern: str, text: str) -> bool:
    """`*` and `?` stand for anything, `${*}`, `${?}` and `${$}` for themselves."""
    parts = re.split(r"(\$\{[*?$]\})", pattern.replace("[", "[[]"))
    globbed = [re.sub(r"\$\{(.)\}", r"[\1]", part) if index % 2 else part for index, part in enumerate(parts)]
    return fnmatch.fnmatchcase(text, "".join(globbed))


def with_region(headers: dict[str, str], body: Any) -> tuple[dict[str, str], Any]:
    """S3 names a bucket's region to those whom it lets do nothing else: clients ask for it first."""
    headers, body = _enriched(headers, body)
    return {**headers, "x-amz-bucket-region": "us-east-1"}, body


_enriched = S3Response._enrich_response
S3Response._enrich_response = staticmethod(with_region)
ActionAuthenticatorMixin._authenticate_and_authorize_s3_action = check
main()
