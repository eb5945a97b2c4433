"""Files may come from where the provider said when it was mounted, and from nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import model_sharing
from model_sharing.settings import Settings
from model_sharing.transport.file_origins import FileOrigins, check_named_origins
from model_sharing_protocol.errors import NotASharingServer
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider

FILES = {"MLmodel": b"flavors: {}\n", "weights.bin": b"w" * 1000}
REF = "ml_team.iris_model/1"


def mounted(fake_provider: FakeProvider, profile: Path) -> model_sharing.Catalog:
    fake_provider.publish("ml_team.iris_model", 1, FILES)
    return model_sharing.mount(profile, share=SHARE, name="vendor")


def test_files_come_from_a_store_that_was_named(
    fake_provider: FakeProvider, profile: Path, home: Path
) -> None:
    with FakeProvider() as store:
        store.publish("ml_team.iris_model", 1, FILES)
        fake_provider.file_origins = (store.origin,)
        fake_provider.url_base = store.origin
        vendor = mounted(fake_provider, profile)
        assert vendor.mount.file_origins == (store.origin,)
        assert len(list(vendor.snapshot(REF).folder.iterdir())) == len(FILES)
        assert len(store.file_requests()) == len(FILES)
        assert fake_provider.file_requests() == []
        for request in store.requests:
            assert "authorization" not in {name.lower() for name in request.headers}


def test_a_store_that_is_new_is_called_once_the_same_is_mounted_again(
    fake_provider: FakeProvider, profile: Path, home: Path
) -> None:
    vendor = mounted(fake_provider, profile)
    with FakeProvider() as store:
        store.publish("ml_team.iris_model", 1, FILES)
        fake_provider.file_origins = (store.origin,)
        fake_provider.url_base = store.origin
        with pytest.raises(NotASharingServer, match="mount the same again"):
            vendor.snapshot(REF)
        assert store.requests == []
        again = mounted(fake_provider, profile)
        again.snapshot(REF)
        assert store.requests
        mount = json.loads((Settings(home).mounts / "vendor.json").read_bytes())
        assert mount["file_origins"] == [store.origin]
        assert mount["keys"] == list(vendor.mount.keys)


@pytest.mark.parametrize(
    ("endpoint", "named"),
    [
        ("https://vendor.example/delta-sharing", "http://s3.example"),
        ("https://vendor.example/delta-sharing", "file:///etc"),
        ("https://vendor.example/delta-sharing", "https://s3.example/bucket"),
        ("https://vendor.example/delta-sharing", "https://user@s3.example"),
        ("https://vendor.example/delta-sharing", "https://s3.example:99999"),
        ("https://vendor.example/delta-sharing", ""),
    ],
)
def test_what_is_no_place_for_files_is_not_accepted(endpoint: str, named: str) -> None:
    with pytest.raises(NotASharingServer):
        check_named_origins(endpoint, [named])


def test_nothing_of_a_mount_is_kept_when_a_place_is_not_accepted(
    fake_provider: FakeProvider, profile: Path, home: Path
) -> None:
    fake_provider.file_origins = ("gopher://s3.example",)
    with pytest.raises(NotASharingServer, match="gopher"):
        mounted(fake_provider, profile)
    assert list(Settings(home).mounts.glob("*.json")) == []


@pytest.mark.parametrize(
    ("address", "inside", "outside"),
    [
        ("127.0.0.1", True, False),
        ("10.1.2.3", True, False),
        ("192.168.1.1", True, False),
        ("fd00::1", True, False),
        ("::1", True, False),
        ("::ffff:10.0.0.1", True, False),
        ("0.0.0.0", True, False),
        ("169.254.169.254", False, False),
        ("fe80::1%eth0", False, False),
        ("52.218.0.1", True, True),
        ("2600:1f18::1", True, True),
    ],
)
def test_a_name_that_stands_for_an_address_inside_is_called_from_inside_only(
    address: str, inside: bool, outside: bool
) -> None:
    """The provider of the first is at an address of this machine, that of the second out in the world."""
    store = ("https", "s3.example", 443)
    for endpoint, allowed in (("http://127.0.0.1/x", inside), ("https://8.8.8.8/x", outside)):
        origins = FileOrigins(endpoint, ["https://s3.example"])
        assert origins.check("https://s3.example/bucket/a%20b?X=1") == (store, "/bucket/a%20b?X=1")
        if allowed:
            origins.check_address(store, [address])
        else:
            with pytest.raises(NotASharingServer, match="no business"):
                origins.check_address(store, ["52.218.0.1", address])


def test_the_providers_own_address_is_no_question(fake_provider: FakeProvider) -> None:
    FileOrigins("https://vendor.example/x").check_address(("https", "vendor.example", 443), ["10.0.0.1"])


def test_a_store_inside_is_not_called_for_a_provider_outside(
    fake_provider: FakeProvider, profile: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Host names are resolved before a connection is opened."""
    with FakeProvider() as store:
        store.publish("ml_team.iris_model", 1, FILES)
        fake_provider.file_origins = (store.origin,)
        fake_provider.url_base = store.origin
        vendor = mounted(fake_provider, profile)
        monkeypatch.setattr(FileOrigins, "_is_inside", False)
        with pytest.raises(NotASharingServer, match="no business"):
            vendor.snapshot(REF)
        assert (store.requests, len(store.connections)) == ([], 0)


def test_a_rule_about_addresses_binds_the_endpoint_itself_and_what_a_proxy_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that fetches for others says which networks they may send it to."""
    own = ("https", "192.0.2.7", 443)
    origins = FileOrigins("https://192.0.2.7/sharing", ["https://10.1.2.3"], lambda each: each != "192.0.2.7")
    with pytest.raises(NotASharingServer, match=r"192\.0\.2\.7: one that this server may not call"):
        origins.check_address(own, ["192.0.2.7"])
    with pytest.raises(NotASharingServer, match="may not call"):
        origins.check_name(own)
    origins.check_address(own, ["192.0.2.8"])
    for origin in (("http", "example.com", 80), ("https", "database.internal", 443)):
        with pytest.raises(NotASharingServer, match="may not be called through a proxy"):
            origins.check_name(origin)
