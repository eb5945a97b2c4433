"""Plain http: a token travels unencrypted to any other machine, judged by the host that is parsed."""

from __future__ import annotations

import pytest

from model_sharing_protocol.network.plain_http import origin_of, travels_in_clear


@pytest.mark.parametrize(
    "url",
    [
        "https://models.acme.example/delta-sharing",
        "HTTPS://10.0.0.5",
        "http://127.0.0.1:8642/delta-sharing",
        "http://127.9.9.9",
        "http://[::1]:8642",
        "http://[0:0:0:0:0:0:0:1]",
        "http://[::ffff:127.0.0.1]",
        "http://localhost",
        "HTTP://LocalHost:8642",
        "http://localhost.:8642",
        "http://acme.localhost",
        "http://acme.example@127.0.0.1",
    ],
)
def test_what_stays_on_this_machine_or_is_encrypted(url: str) -> None:
    assert not travels_in_clear(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://models.acme.example",
        "HTTP://10.0.0.5:8642",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://evil-localhost",
        "http://notlocalhost:8642",
        "http://127.0.0.1@evil.example",
        "http://localhost:8642@evil.example",
        r"http://127.0.0.1\@evil.example",
        "http://2130706433",
        "http://127.1",
        "http://0x7f000001",
        "http://0177.0.0.1",
        "http://0.0.0.0:8642",
        "http://[::]:8642",
        "http://[::ffff:10.0.0.5]",
        "http://[fe80::1%25eth0]",
        "http://[::1",
        "http://",
    ],
)
def test_what_others_could_read(url: str) -> None:
    assert travels_in_clear(url)


def test_what_is_shown_of_a_url() -> None:
    assert origin_of("http://ann:secret@acme.example:81/public/code?x#y") == "http://acme.example:81"
