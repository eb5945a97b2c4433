"""An activation link on standard input, and what is said when a link or a token travels in clear."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import model_sharing
from model_sharing.api import blocking
from model_sharing.cli import main
from model_sharing.mounting.activation import clean_link, find_link
from model_sharing_protocol.activation_links import API_PATH, PAGE_PATH
from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.profile import read_profile
from support.fake_provider.faults import always
from support.fake_provider.models import SHARE
from support.fake_provider.server import TOKEN, FakeProvider, Handler
from support.small_disk import fill, read_only, small_disk

Typed = Callable[..., subprocess.CompletedProcess[str]]
LINK = "https://acme.example/api/2.1/unity-catalog/public/Zx_9-qw_"
SECRET = "Zx_9-qw_"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """A command to which somebody types, or pipes, what goes to standard input."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path, typed: bytes | None = b"") -> subprocess.CompletedProcess[str]:
        stdin = None if typed is None else io.TextIOWrapper(io.BytesIO(typed))
        monkeypatch.setattr(sys, "argv", ["model-sharing", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(SystemExit) as ended:
            main()
        blocking.close()
        written = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), written.out, written.err)

    return run


@pytest.fixture
def activating(fake_provider: FakeProvider) -> FakeProvider:
    """A provider that answers each link with a profile."""
    profile = json.loads(fake_provider.profile())
    fake_provider.answer = always(lambda handler: handler.send_json(200, profile))
    return fake_provider


@pytest.fixture
def in_clear(fake_provider: FakeProvider) -> str:
    """The fake provider by an address that leads to this machine, and is not known to."""
    return fake_provider.origin.replace("127.0.0.1", "0.0.0.0")


@pytest.mark.parametrize(
    "typed",
    [
        LINK.encode(),
        f"{LINK}\n".encode(),
        f"{LINK}\r\n".encode(),
        f"\n\n  {LINK}\t\n\n".encode(),
        f"\ufeff{LINK}\r\n".encode(),
        f"\ufeff{LINK}\r\n".encode("utf-16-le"),
        f"\ufeff{LINK}\n".encode("utf-16-be"),
        f'"{LINK}"\n'.encode(),
        f"<{LINK}>\n".encode(),
        f"Your link is {LINK} and it works once.\n".encode(),
        f"Open {LINK}, please\r\n".encode(),
        f"Here you are: {LINK}.\n".encode(),
        f"> {LINK}\n".encode(),
        f"{LINK}.\n".encode(),
        f"(see {LINK})\n".encode(),
        f"„{LINK}“\n".encode(),
        f"[{LINK}]({LINK})\n".encode(),
        f"*{LINK}*\n".encode(),
        f'<a href="{LINK}">{LINK}</a>\n'.encode(),
        f"Caf\xe9: {LINK}\n".encode("latin-1"),
        f"Dear Globex,\r\n\r\nyour link:\r\n{LINK}\r\n\r\nKind regards\r\n".encode(),
        f"{LINK[:40]}\r\n{LINK[40:]}\r\n".encode(),
    ],
)
def test_a_link_is_found_in_what_is_pasted(typed: bytes) -> None:
    assert clean_link(find_link(typed)) == LINK


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (b"", "not an activation link"),
        (b"\n", "not an activation link"),
        (b"no link here\n", "not an activation link"),
        (b"ftp://acme.example/code\n", "not an activation link"),
        (b"\x00\xff\xfe\n", "not an activation link"),
        (f"{LINK} or https://acme.example/help\n".encode(), "more than one link"),
    ],
)
def test_what_holds_no_link_or_several_is_refused_and_not_repeated(typed: bytes, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message) as raised:
        clean_link(find_link(typed))
    assert SECRET not in raised.value.message


def test_a_link_may_name_an_address() -> None:
    for host in ("[::1]:8642", "127.0.0.1:8642"):
        assert (
            find_link(f"Link: http://{host}/public/{SECRET}.\n".encode()) == f"http://{host}/public/{SECRET}"
        )


def test_a_link_comes_by_standard_input(activating: FakeProvider, run: Typed, tmp_path: Path) -> None:
    mail = f"Your link: {activating.origin}/public/{SECRET} works once.\r\n".encode()
    done = run("activate", "-", "globex.share", typed=mail)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Wrote globex.share, readable by you only.\n"
    assert [request.path for request in activating.requests] == [f"/public/{SECRET}"]
    assert read_profile(tmp_path / "globex.share").bearer_token == TOKEN
    for nothing in (b"", None):
        done = run("activate", "-", "other.share", typed=nothing)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_a_link_in_clear_is_warned_about_and_works(
    activating: FakeProvider, run: Typed, in_clear: str
) -> None:
    done = run("activate", f"{in_clear}/public/{SECRET}", "globex.share")
    assert (done.returncode, done.stdout) == (0, "Wrote globex.share, readable by you only.\n")
    assert done.stderr.startswith(f"warning: {in_clear} is plain http: the activation link and its token")
    assert done.stderr.count("\n") == 1
    assert SECRET not in done.stderr
    with pytest.warns(model_sharing.PlainHttpWarning, match="sent unencrypted"):
        model_sharing.activate(f"{in_clear}/public/{SECRET}", "other.share")
    assert run("activate", f"{activating.origin}/public/{SECRET}", "third.share").stderr == ""


def test_a_mount_in_clear_is_warned_about_and_works(
    fake_provider: FakeProvider, run: Typed, in_clear: str, tmp_path: Path
) -> None:
    profile = tmp_path / "globex.share"
    profile.write_bytes(fake_provider.profile(endpoint=f"{in_clear}/delta-sharing"))
    done = run("mount", profile, SHARE, "--as", "vendor")
    assert (done.returncode, "warning" in done.stdout) == (0, False)
    assert done.stderr.startswith(f"warning: {in_clear} is plain http: the token and the models are sent")
    assert done.stderr.count("\n") == 1
    assert run("list", "--output", "json").stderr == ""
    with pytest.warns(model_sharing.PlainHttpWarning, match="Ask the provider for an https address"):
        model_sharing.mount(profile, share=SHARE, name="again")


def test_it_is_warned_before_anything_is_sent(
    fake_provider: FakeProvider, run: Typed, in_clear: str, tmp_path: Path
) -> None:
    profile = tmp_path / "globex.share"
    profile.write_bytes(fake_provider.profile(endpoint=f"{in_clear}/delta-sharing"))
    with pytest.raises(model_sharing.PlainHttpWarning):  # as an error, it is to stop the call
        model_sharing.mount(profile, share=SHARE, name="vendor")
    with pytest.raises(model_sharing.PlainHttpWarning):
        model_sharing.activate(f"{in_clear}/public/{SECRET}", tmp_path / "new.share")
    assert fake_provider.requests == []


def by_method(**answers: Callable[[Handler], object]) -> Callable[[Handler], bool]:
    """Answers of a provider by the request's method; others as always."""

    def answer(handler: Handler) -> bool:
        answers[handler.command](handler)
        return True

    return answer


@pytest.mark.parametrize("path", [API_PATH, PAGE_PATH, f"/ml/sharing{PAGE_PATH}"])
def test_both_forms_of_a_link_are_activated_by_one_post(
    activating: FakeProvider, run: Typed, tmp_path: Path, path: str
) -> None:
    assert run("activate", f"{activating.origin}{path}/{SECRET}", "globex.share").returncode == 0
    prefix = path.removesuffix(API_PATH).removesuffix(PAGE_PATH)
    assert [(request.method, request.path) for request in activating.requests] == [
        ("POST", f"{prefix}{API_PATH}/{SECRET}")
    ]
    assert read_profile(tmp_path / "globex.share").bearer_token == TOKEN


@pytest.mark.parametrize(
    "refuse",
    [
        lambda handler: handler.send_error_answer(404, "RESOURCE_DOES_NOT_EXIST", "There is nothing here."),
        lambda handler: handler.send_error_answer(400, "UNSUPPORTED_OPERATION", "No POST."),  # 0.1.0
        lambda handler: handler.send(404, b'{"error_code": "ENDPOINT_NOT_FOUND", "message": "No API found"}'),
        lambda handler: handler.send(405, b"<h1>Method not allowed</h1>", "text/html"),
    ],
)
def test_a_provider_that_knows_only_get_is_asked_by_get(
    fake_provider: FakeProvider, run: Typed, tmp_path: Path, refuse: Callable[[Handler], object]
) -> None:
    profile = fake_provider.profile()
    fake_provider.answer = by_method(POST=refuse, GET=lambda handler: handler.send(200, profile))
    assert run("activate", f"{fake_provider.origin}{API_PATH}/{SECRET}", "globex.share").returncode == 0
    assert [request.method for request in fake_provider.requests] == ["POST", "GET"]
    assert fake_provider.requests[1].headers["Accept"] == "application/json"
    assert read_profile(tmp_path / "globex.share").bearer_token == TOKEN


@pytest.mark.parametrize(
    ("status", "code"), [(410, "RESOURCE_DOES_NOT_EXIST"), (403, "PERMISSION_DENIED"), (429, "X"), (500, "X")]
)
def test_a_link_that_is_refused_is_not_asked_for_in_another_way(
    fake_provider: FakeProvider, run: Typed, status: int, code: str
) -> None:
    fake_provider.answer = always(lambda handler: handler.send_error_answer(status, code, "No."))
    done = run("activate", f"{fake_provider.origin}{PAGE_PATH}/{SECRET}", "globex.share")
    assert (done.returncode != 0, SECRET in done.stderr) == (True, False)
    assert [request.method for request in fake_provider.requests] == ["POST"]


def test_a_redirect_is_not_followed_with_the_code(fake_provider: FakeProvider, run: Typed) -> None:
    fake_provider.answer = always(lambda handler: handler.send(303, b"", Location="https://evil.example/"))
    done = run("activate", f"{fake_provider.origin}{PAGE_PATH}/{SECRET}", "globex.share")
    assert (done.returncode, "redirect" in done.stderr) == (9, True)
    assert len(fake_provider.requests) == 1


def test_a_link_in_place_of_a_profile_is_not_repeated(run: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("mount", LINK, SHARE)
    assert (done.returncode, "model-sharing activate LINK FILE" in done.stderr) == (12, True)
    assert SECRET not in done.stderr
    monkeypatch.setenv("MODEL_SHARING_PROFILE", LINK)
    done = run("shares")
    assert done.returncode == 12
    assert SECRET not in done.stderr


def test_a_full_disk_is_found_out_before_the_link_is_used(
    activating: FakeProvider, run: Typed, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        filler = fill(disk)
        link = f"{activating.origin}{PAGE_PATH}/{SECRET}"
        done = run("activate", link, disk / "globex.share")
        assert (done.returncode, "The link was not used." in done.stderr) == (11, True)
        assert activating.requests == []
        filler.unlink()
        assert run("activate", link, disk / "globex.share").returncode == 0
        with read_only(disk):
            done = run("activate", link, disk / "again.share")
        assert (done.returncode, "The link was not used." in done.stderr) == (2, True)
        assert len(activating.requests) == 1
