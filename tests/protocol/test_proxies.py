"""Proxy for a URL, chosen by rules that curl, requests and Go agree on."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_sharing_protocol.errors import InvalidParameter, UnsupportedOperation
from model_sharing_protocol.network.proxies import Proxy, is_bypassed, parse_proxy, proxy_for

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *map(str.upper, VARIABLES), "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "url", "expected"),
    [
        ({}, "https://acme.example", None),
        ({"HTTP_PROXY": "http://a:1"}, "http://acme.example", "http://a:1"),
        ({"HTTP_PROXY": "http://a:1"}, "https://acme.example", None),
        ({"HTTPS_PROXY": "http://a:1"}, "https://acme.example", "http://a:1"),
        ({"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:2"}, "https://acme.example", "http://b:2"),
        ({"HTTPS_PROXY": "http://a:1", "https_proxy": ""}, "https://acme.example", None),
        ({"HTTPS_PROXY": "http://a:1", "ALL_PROXY": "socks5://b:2"}, "https://acme.example", "http://a:1"),
        ({"ALL_PROXY": "http://a:1"}, "https://acme.example", "http://a:1"),
        ({"all_proxy": "a:1"}, "http://acme.example", "http://a:1"),
        ({"all_proxy": "a"}, "http://acme.example", "http://a:80"),
        ({"all_proxy": " http://[::1]:3128/ "}, "http://acme.example", "http://[::1]:3128"),
        ({"HTTP_PROXY": "http://a:1", "REQUEST_METHOD": "GET"}, "http://acme.example", None),
        ({"http_proxy": "http://a:1", "REQUEST_METHOD": "GET"}, "http://acme.example", "http://a:1"),
        ({"http_proxy": "http://a:1"}, "http://127.0.0.1:8642", "http://a:1"),
        ({"http_proxy": "http://a:1", "NO_PROXY": "127.0.0.1"}, "http://127.0.0.1:8642", None),
        (
            {"http_proxy": "http://a:1", "NO_PROXY": "x", "no_proxy": "acme.example"},
            "http://acme.example",
            None,
        ),
    ],
)
def test_the_environment_decides(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str, expected: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = proxy_for(url)
    assert (str(found) if found else None) == expected


@pytest.mark.parametrize(
    ("no_proxy", "listed", "others"),
    [
        (
            "example.com",
            ["example.com", "EXAMPLE.com.", "a.b.example.com"],
            ["badexample.com", "example.org"],
        ),
        (".example.com", ["example.com", "a.example.com"], ["badexample.com"]),
        ("*.example.com", ["example.com", "a.example.com"], ["badexample.com"]),
        ("a.test,b.test c.test\tD.test", ["a.test", "b.test", "c.test", "d.test"], ["e.test"]),
        ("*", ["a.test", "10.0.0.1", "::1"], []),
        ("a.test, *", ["b.test"], []),
        ("a.test:443", ["a.test"], []),
        ("a.test:8443", [], ["a.test"]),
        ("10.0.0.0/8", ["10.255.0.1"], ["11.0.0.1", "10.example.com"]),
        ("10.1.2.3/8", ["10.255.0.1"], ["11.0.0.1"]),
        ("127.0.0.1", ["127.0.0.1"], ["127.0.0.2", "x127.0.0.1"]),
        ("127.0.0.1:443", ["127.0.0.1"], []),
        ("127.0.0.1:80", [], ["127.0.0.1"]),
        ("::1", ["::1", "0:0::1"], ["::2"]),
        ("[::1]", ["::1"], ["::2"]),
        ("[::1]:443", ["::1"], []),
        ("[::1]:80", [], ["::1"]),
        ("fd00::/8", ["fd12::1"], ["fe80::1"]),
        (" , ,", [], ["a.test"]),
        (".", [], ["a.test"]),
        ("", [], ["a.test"]),
    ],
)
def test_no_proxy_lists_hosts(no_proxy: str, listed: list[str], others: list[str]) -> None:
    assert [is_bypassed(host, 443, no_proxy) for host in listed] == [True] * len(listed)
    assert [is_bypassed(host, 443, no_proxy) for host in others] == [False] * len(others)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_list_and_no_host_is_too_strange(host: str, no_proxy: str) -> None:
    assert isinstance(is_bypassed(host, 443, no_proxy), bool)


@given(st.text(max_size=60))
def test_an_address_is_a_proxy_or_one_of_two_errors_that_do_not_repeat_it(text: str) -> None:
    try:
        assert isinstance(parse_proxy(f"http://globex:s3cret{text}", "HTTPS_PROXY"), Proxy)
    except (InvalidParameter, UnsupportedOperation) as error:
        assert "s3cret" not in error.message


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_credentials_are_what_was_quoted_and_are_not_shown(user: str, password: str) -> None:
    pair = (
        f"{quote(user, safe='', errors='surrogatepass')}:{quote(password, safe='', errors='surrogatepass')}"
    )
    proxy = parse_proxy(f"http://{pair}@proxy.example.com:3128", "HTTPS_PROXY")
    told = base64.b64decode(proxy.authorization.removeprefix("Basic ")).decode("utf-8", "surrogatepass")
    assert told == f"{user}:{password}"
    assert str(proxy) == "http://proxy.example.com:3128"
    assert repr(proxy) == "Proxy(host='proxy.example.com', port=3128)"
