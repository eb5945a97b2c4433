"""Signed URLs of CDNs are those of the documentation: by published examples, other libraries and openssl."""

from __future__ import annotations

import base64
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from model_sharing_provider.artifacts.cdn import cloudfront, google
from model_sharing_provider.domain.cdns import Cdn, CdnHash, CdnKind

URL = "https://d111111abcdef8.cloudfront.net/models/a%20b/weights~1.bin"
EXPIRES = 1767290400
ID = "K2JCJMDEHXQW5F"

# The example of Amazon's documentation as its SDK for Python tests it, with a key that is nobody's secret.
_AMAZONS_KEY = base64.b64decode(
    "MIICXQIBAAKBgQDA7ki9gI/lRygIoOjV1yymgx6FYFlzJ+z1ATMaLo57nL57AavWhb68HYY8EA0GJU9xQdMVaHBogF3eiCWYXSUZCWM/"
    "+M5+ZcdQraRRScucmn6g4EvY2K4W2pxbqH8vmUikPxir41EeBPLjMOzKvbzzQy9e/zzIQVREKSp/7y1mywIDAQABAoGABc7mp7XYHynu"
    "PZxChjWNJZIq+A73gm0ASDv6At7F8Vi9r0xUlQe/v0AQS3ycN8QlyR4XMbzMLYk3yjxFDXo4ZKQtOGzLGteCU2srANiLv26/imXA8FVi"
    "dZftTAtLviWQZBVPTeYIA69ATUYPEq0a5u5wjGyUOij9OWyuy01mbPkCQQDluYoNpPOekQ0ZWrPgJ5rxc8f6zG37ZVoDBiexqtVShIF5"
    "W3xYuWhW5kYb0hliYfkq15cS7t9m95h31QJf/xI/AkEA1v9l/WN1a1N3rOK4VGoCokx7kR2SyTMSbZgF9IWJNOugR/WZw7HTnjipO3c9"
    "dy1Ms9pUKwUF46d7049ck8HwdQJARgrSKuLWXMyBH+/l1Dx/I4tXuAJIrlPyo+VmiOc7b5NzHptkSHEPfR9s1OK0VqjknclqCJ3Ig86O"
    "MEtEFBzjZQJBAKYz470hcPkaGk7tKYAgP48FvxRsnzeooptURW5E+M+PQ2W9iDPPOX9739+Xi02hGEWFB0IGbQoTRFdE4VVcPK0CQQCe"
    "S84lODlC0Y2BZv2JxW3Osv/WkUQ4dslfAQl1T3037uwwr7XTroMv8dIFQIPreoPhRKmd/SbJzbiKfS/4QDhU"
)


def test_amazons_example_of_a_canned_policy() -> None:
    key = load_der_private_key(_AMAZONS_KEY, None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)
    url = "http://d604721fxaaqy9.cloudfront.net/horizon.jpg?large=yes&license=yes"
    assert cloudfront.sign_url(url, 1258237200, "PK123456789754", key, CdnHash.SHA1) == (
        f"{url}&Expires=1258237200&Signature="
        "Nql641NHEUkUaXQHZINK1FZ~SYeUSoBJMxjdgqrzIdzV2gyEXPDNv0pYdWJkflDKJ3xIu7lbwRpSkG98NBlgPi4ZJpRRnVX4kXAJK6td"
        "Nx6FucDB7OVqzcxkxHsGFd8VCG1BkC-Afh9~lOCMIYHIaiOB6~5jt9w2EOwi6sIIqrg_&Key-Pair-Id=PK123456789754"
    )


def test_cloudfront_by_botocore() -> None:
    key = rsa.generate_private_key(65537, 2048)
    signer = CloudFrontSigner(ID, lambda policy: key.sign(policy, padding.PKCS1v15(), hashes.SHA1()))
    ends = datetime.fromtimestamp(EXPIRES, UTC)
    assert cloudfront.sign_url(URL, EXPIRES, ID, key, CdnHash.SHA1) == signer.generate_presigned_url(
        URL, ends
    )
    folder = URL.rpartition("/")[0] + "/"
    policy = signer.build_policy(f"{folder}*", ends)
    query = cloudfront.sign_folder(folder, EXPIRES, ID, key, CdnHash.SHA1)
    assert f"{URL}?{query}" == signer.generate_presigned_url(URL, policy=policy)


@pytest.mark.parametrize("digest", CdnHash)
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_cloudfront_by_openssl(digest: CdnHash, kind: str, tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    query = parse_qs(urlsplit(cloudfront.sign_url(URL, EXPIRES, ID, key, digest)).query)
    assert query.get("Hash-Algorithm") == ([digest.upper()] if digest is CdnHash.SHA256 else None)
    signature = query["Signature"][0].replace("-", "+").replace("_", "=").replace("~", "/")
    (tmp_path / "signature").write_bytes(base64.b64decode(signature, validate=True))
    policy = {"Statement": [{"Resource": URL, "Condition": {"DateLessThan": {"AWS:EpochTime": EXPIRES}}}]}
    (tmp_path / "policy").write_text(json.dumps(policy).replace(" ", ""))
    command = ["openssl", "dgst", f"-{digest}", "-verify", "public.pem", "-signature", "signature", "policy"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        ("http://35.186.234.33/index.html", "CRFqQnVfFyiUyR63OQf-HRUpIwc="),
        ("http://www.example.com/", "OqDUFfHpN5Vxga6r80bhsgxKves="),
        ("http://www.example.com/some/path?some=query&another=param", "9Q9TCxSju8-W5nUkk5CuTrun2_o="),
    ],
)
def test_googles_examples_of_cloud_cdn(url: str, signature: str) -> None:
    key = base64.urlsafe_b64decode("nZtRohdNF9m3cKM24IcK4w==")
    mark = "&" if "?" in url else "?"
    expected = f"{url}{mark}Expires=1549751401&KeyName=my-key&Signature={signature}"
    assert google.sign_url(url, 1549751401, "my-key", key) == expected


MEDIA_CDN_KEY = Ed25519PrivateKey.from_private_bytes(
    base64.urlsafe_b64decode("BxwXXNjeGaoWqjr7GHEymRJkP4SaOC12dTGixk7Yr8I=")
)


def test_googles_examples_of_media_cdn() -> None:
    assert google.sign_url("http://35.186.234.33/index.html", 1650848400, "my-key", MEDIA_CDN_KEY) == (
        "http://35.186.234.33/index.html?Expires=1650848400&KeyName=my-key&Signature="
        "16-oE9GZ5U9S_LYrW8RplZhvMfI7RGtGRY0C-Ahh6YAwiJ0UaEi6rQuPxfm6R-cBPfs8MwRGiu2fAoS1JOoKCA"
    )
    assert google.sign_folder("http://35.186.234.33/", 1650848400, "my-key", MEDIA_CDN_KEY) == (
        "URLPrefix=aHR0cDovLzM1LjE4Ni4yMzQuMzMv&Expires=1650848400&KeyName=my-key&Signature="
        "mR4jNsWVn39ofSC5425SXwZVzHAAixemdcRGHgPuO1V1Fl7lJs2Ws5aPOGp-MhbDinFYUkutHh-I9c5Du4jtAA"
    )


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1, max_size=4))
def test_the_path_of_a_url_is_that_of_the_object_whatever_its_name(parts: list[str]) -> None:
    cdn = Cdn("s3://models/prod", CdnKind.CLOUD_CDN, "https://cdn.example/x%20y", "k", b"0" * 16)
    path = "/" + "/".join(part.replace("/", "") or "_" for part in parts)
    url = cdn.url_of("s3://models/prod" + path)
    written = url.removeprefix("https://cdn.example/x%20y")
    assert unquote(written) == path
    assert not set(written) & set("+*?#&=;:@!$'(),[] \"\\<>^`{|}")
