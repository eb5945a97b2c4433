"""Activating, mounting and unmounting: checked before anything is used up or changed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import model_sharing
from model_sharing.mounting.activation import clean_link
from model_sharing_protocol.errors import (
    ActivationLinkUsed,
    AlreadyExists,
    InvalidParameter,
    InvalidProfile,
    MountExists,
    NotASharingServer,
    NotFound,
)
from support.fake_provider.faults import always
from support.fake_provider.models import SHARE
from support.fake_provider.server import TOKEN, FakeProvider, Handler
from support.files import read_tree
from support.patience import PATIENCE


def offer_profile_once(fake_provider: FakeProvider) -> str:
    """An activation link that works once, then answers 410; an unknown one answers 404."""
    path = "/activation/code"
    used = False

    def answer(handler: Handler) -> bool:
        nonlocal used
        if handler.path != path:
            handler.send_error_answer(404, "RESOURCE_DOES_NOT_EXIST", "Unknown.")
        elif used:
            handler.send_error_answer(410, "RESOURCE_DOES_NOT_EXIST", "Used.")
        else:
            used = True
            handler.send(200, fake_provider.profile())
        return True

    fake_provider.answer = answer
    return fake_provider.origin + path


def test_a_link_becomes_a_private_profile_file_once(fake_provider: FakeProvider, tmp_path: Path) -> None:
    link = offer_profile_once(fake_provider)
    path = model_sharing.activate(f' "<{link}>"\n', tmp_path / "globex.share")
    assert path.read_bytes() == fake_provider.profile()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "Authorization" not in fake_provider.requests[0].headers
    with pytest.raises(ActivationLinkUsed, match="used before"):
        model_sharing.activate(link, tmp_path / "again.share")
    with pytest.raises(NotFound, match="does not know"):
        model_sharing.activate(link + "x", tmp_path / "again.share")
    assert set(read_tree(tmp_path)) == {"globex.share"}


def test_the_link_is_not_used_up_for_a_file_that_cannot_be_written(
    fake_provider: FakeProvider, tmp_path: Path
) -> None:
    link = offer_profile_once(fake_provider)
    taken = tmp_path / "globex.share"
    taken.write_text("mine")
    with pytest.raises(AlreadyExists, match="The link was not used"):
        model_sharing.activate(link, taken)
    with pytest.raises(InvalidParameter, match="is a folder"):
        model_sharing.activate(link, tmp_path)
    with pytest.raises(InvalidParameter, match="does not exist"):
        model_sharing.activate(link, tmp_path / "nowhere" / "globex.share")
    assert fake_provider.requests == []
    assert taken.read_text() == "mine"
    assert model_sharing.activate(link, taken, force=True).read_bytes() == fake_provider.profile()


@pytest.mark.parametrize("answer", [b"<html>welcome</html>", b"{}", b"x" * 100_000])
def test_what_answers_with_no_profile_leaves_no_file(
    fake_provider: FakeProvider, tmp_path: Path, answer: bytes
) -> None:
    fake_provider.answer = always(lambda handler: handler.send(200, answer))
    with pytest.raises(NotASharingServer):
        model_sharing.activate(fake_provider.origin + "/code", tmp_path / "globex.share")
    assert read_tree(tmp_path) == {}


@pytest.mark.parametrize("text", ["", "globex.share", "ftp://x/y", "http://", "http://host", "http://x:y/z"])
def test_what_is_no_link(text: str) -> None:
    with pytest.raises(InvalidParameter, match="not an activation link"):
        clean_link(text)


def test_a_mount_is_private_and_holds_no_token(vendor: model_sharing.Catalog, home: Path) -> None:
    (record,) = (home / "mounts").glob("*.json")
    assert record.name == "vendor.json"
    assert TOKEN not in record.read_text()
    assert record.stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700
    assert TOKEN not in repr(vendor) + repr(vendor.mount)


@pytest.mark.parametrize(
    "damage", [{"keys": []}, {"keys": None}, {"provider_fingerprint": None}, {"endpoint": 7}]
)
def test_a_damaged_mount_file_is_refused_with_the_remedy(
    vendor: model_sharing.Catalog, home: Path, damage: dict[str, Any]
) -> None:
    record = home / "mounts" / "vendor.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), **damage}))
    with pytest.raises(InvalidProfile, match=r"vendor\.json cannot be read\. Delete it and mount again"):
        model_sharing.catalog("vendor")


def test_the_same_mount_again_is_no_change_and_another_is_refused(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, profile: Path, tmp_path: Path
) -> None:
    assert model_sharing.mount(profile, share=SHARE.upper(), name="Vendor").mount == vendor.mount
    copy = tmp_path / "copy.share"
    copy.write_bytes(fake_provider.profile())
    for path, share, trust in ((profile, SHARE, True), (copy, SHARE, False), (profile, "other", False)):
        with pytest.raises(MountExists, match="Nothing was changed"):
            model_sharing.mount(path, share=share, name="vendor", trust_remote_code=trust)
    assert model_sharing.catalog("vendor").mount == vendor.mount


def test_a_share_that_is_not_there_is_not_mounted(
    fake_provider: FakeProvider, profile: Path, home: Path
) -> None:
    with pytest.raises(NotFound, match="ask the provider"):
        model_sharing.mount(profile, share="other", name="vendor")
    assert not list((home / "mounts").glob("*.json"))


@pytest.mark.parametrize("name", ["", "a.b", "../evil", "a b", "a@b", "a\0b", "x" * 256])
def test_names_that_cannot_be(profile: Path, name: str) -> None:
    with pytest.raises(InvalidParameter):
        model_sharing.mount(profile, share=SHARE, name=name)


def test_names_that_are_long_or_odd_can_be(profile: Path) -> None:
    for name in ("\u00fc" * 255, "50%25\\x", "con"):
        model_sharing.mount(profile, share=SHARE, name=name)
        assert model_sharing.catalog(name).name == name
        model_sharing.unmount(name)


def test_what_is_unmounted_is_gone_and_can_be_mounted_otherwise(
    vendor: model_sharing.Catalog, profile: Path
) -> None:
    model_sharing.unmount("VENDOR")
    with pytest.raises(NotFound, match="No catalog is mounted as 'vendor'"):
        model_sharing.catalog("vendor")
    with pytest.raises(NotFound):
        model_sharing.unmount("vendor")
    assert model_sharing.mount(profile, share=SHARE, name="vendor", trust_remote_code=True)


async def test_it_works_where_a_loop_runs_already(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    """Running loop, as in a notebook."""
    assert asyncio.get_running_loop().is_running()
    assert vendor.list_models() == []


def test_a_forked_child_has_connections_of_its_own(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    script = (
        "import os, model_sharing\n"
        "catalog = model_sharing.catalog('vendor')\n"
        "assert catalog.list_models() == []\n"
        "child = os.fork()\n"
        "assert catalog.list_models() == []\n"
        "if child: assert os.waitpid(child, 0)[1] == 0\n"
    )
    environment = {**os.environ, "PYTHONWARNINGS": "ignore::DeprecationWarning"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
