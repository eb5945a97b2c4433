"""A download takes no more of the line than it may, however many connections it has."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import model_sharing
from model_sharing.downloads.transfer.connections import Connections
from model_sharing.downloads.transfer.rate_limit import RateLimit
from model_sharing.settings import Settings, parse_rate
from model_sharing_protocol.errors import InvalidParameter
from support.fake_provider.faults import pack_well
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider

FILES = {"MLmodel": b"flavors: {}\n", "large.bin": bytes(3_000_000)}
FILES |= {f"{n}.bin": b"x" * (9000 + n) for n in range(40)}


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_whoever_waits_as_told_receives_at_the_rate() -> None:
    clock = Clock()
    limit = RateLimit(1000, clock)
    for _ in range(100):
        clock.now += limit.delay(limit.read_size)
    assert clock.now - 100.0 == pytest.approx(100 * limit.read_size / 1000)


def test_time_without_bytes_is_not_saved_up() -> None:
    clock = Clock()
    limit = RateLimit(1000, clock)
    clock.now += 3600
    assert limit.delay(500) == pytest.approx(0.5)
    assert limit.delay(500) == pytest.approx(1.0)


def test_all_threads_share_one_limit() -> None:
    clock = Clock()
    limit = RateLimit(1000, clock)
    threads = [threading.Thread(target=limit.delay, args=(100,)) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert limit.delay(0) == pytest.approx(5.0)


def test_every_byte_of_a_download_is_counted(
    fake_provider: FakeProvider, profile: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole files, packs and ranges; nobody really waits."""
    counted: list[int] = []

    def delay(_limit: RateLimit, received: int) -> float:
        counted.append(received)
        return 0.0

    monkeypatch.setattr(RateLimit, "delay", delay)
    fake_provider.publish("ml_team.iris_model", 1, FILES)
    fake_provider.packs = pack_well
    vendor = model_sharing.mount(profile, share=SHARE, name="vendor")
    vendor.with_limits(jobs=2, limit_rate=800_000).snapshot("ml_team.iris_model/1")
    assert sum(counted) == sum(map(len, FILES.values()))
    assert max(counted) <= 100_000


def test_a_download_that_is_stopped_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    from model_sharing.transport.file_origins import FileOrigins
    from model_sharing_protocol.errors import Interrupted

    connections = Connections(FileOrigins("http://127.0.0.1:1"), RateLimit(1))

    def pause() -> None:
        with pytest.raises(Interrupted):
            connections.pause(3600)

    waiting = threading.Thread(target=pause)
    waiting.start()
    connections.stop()
    waiting.join(10)
    assert not waiting.is_alive()


def test_what_is_no_rate_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_rate("20MiB") == 20 * 2**20
    monkeypatch.setenv("MODEL_SHARING_LIMIT_RATE", "500KB")
    assert Settings.from_environment().limit_rate == 500_000
    for wrong in ("0", "fast", "-1", ""):
        with pytest.raises(InvalidParameter):
            parse_rate(wrong)
