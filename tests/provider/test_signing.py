"""Signing of what recipients are told: by keys that stay private, are listed, and vouch for each other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from model_sharing_protocol.dsse import Envelope, PublicKey, SigningKey
from model_sharing_protocol.errors import InvalidParameter, InvalidState, NotFound
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_protocol.open_sharing import VersionQueryLine
from model_sharing_protocol.profile import Profile
from model_sharing_protocol.signatures import SignedName, State, signed_files, verify_state
from model_sharing_protocol.signing_keys import KeyList, follow
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.keys.signing_keys import SigningKeys
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.provider_cli import CliRunner

NAME = FullName.parse("prod.ml_team.scorer")
MODEL = "/shares/acme/schemas/ml_team/models/scorer"


@dataclass(frozen=True)
class Globex:
    """A recipient that asks over the network."""

    admin: AdminClient
    profile: Profile

    async def ask(self, path: str, method: str = "GET") -> bytes:
        headers = {"Authorization": f"Bearer {self.profile.bearer_token}"}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.profile.endpoint + path, headers=headers) as answer,
        ):
            assert answer.status == 200
            return await answer.read()

    async def keys(self) -> KeyList:
        return msgspec.json.decode(await self.ask("/keys"), type=KeyList)

    async def state(self, asked: int | str) -> State:
        """The answer about a version number or an alias, verified with the key that signs now."""
        kind = "aliases" if isinstance(asked, str) else "versions"
        answer: Any = json.loads(await self.ask(f"{MODEL}/{kind}/{asked}"))
        envelope = msgspec.convert(answer["state"], Envelope)
        key = PublicKey.parse((await self.keys()).keys[-1].pem)
        return verify_state(envelope, key, "acme", "ml_team.scorer", asked)

    async def point(self, alias: str, version: int) -> None:
        await self.admin.provider.models.set_alias(self.admin.context, NAME, alias, version)


@pytest.fixture
async def globex(admin: AdminClient, endpoint: str, tmp_path: Path) -> Globex:
    """Two versions of one model are shared with globex; Champion is the first."""
    await admin.register(write_model(tmp_path / "one"), str(NAME), "Champion")
    await admin.register(write_model(tmp_path / "two", {"model.pkl": b"better"}), str(NAME))
    return Globex(admin, await admin.activate(await admin.share("acme", "globex", str(NAME)), endpoint))


async def test_a_version_comes_with_the_signature_of_its_files(globex: Globex) -> None:
    lines = msgspec.json.Decoder(VersionQueryLine).decode_lines(
        await globex.ask(f"{MODEL}/versions/2/query", "POST")
    )
    key = PublicKey.parse((await globex.keys()).keys[-1].pem)
    metadata = lines[1].meta_data
    assert metadata is not None
    signed = signed_files(metadata.bundle, SignedName("acme", "ml_team.scorer", 2), [key])
    assert signed == {line.file.path: line.file.sha256 for line in lines if line.file}


async def test_the_state_of_an_alias_grows_with_each_move_forth_and_back(globex: Globex) -> None:
    states = [await globex.state("Champion")]
    for version in (2, 1):
        await globex.point("Champion", version)
        states.append(await globex.state("champion"))
    assert [state.version for state in states] == [1, 2, 1]
    assert states[0].sequence < states[1].sequence < states[2].sequence
    assert (await globex.state(1)).digest == states[0].digest != states[1].digest


async def test_the_state_grows_though_the_clock_is_set_back(
    globex: Globex, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await globex.state("Champion")
    monkeypatch.setattr("model_sharing_provider.services.context.now_ms", lambda: 1)
    await globex.point("Champion", 2)
    moved = await globex.state("Champion")
    assert moved.sequence > before.sequence
    await globex.admin.provider.shares.remove(globex.admin.context, "acme", "ml_team.scorer")
    await globex.admin.provider.shares.add_model(globex.admin.context, "acme", NAME)
    assert (await globex.state("Champion")).sequence > moved.sequence


async def test_another_model_under_the_same_name_has_a_later_state(globex: Globex, tmp_path: Path) -> None:
    """Though it was made and changed before."""
    admin, shares = globex.admin, globex.admin.provider.shares
    older = FullName.parse("prod.ml_team.older")
    await admin.register(write_model(tmp_path / "older"), str(older), "Champion")
    await globex.point("Champion", 2)
    before = await globex.state("Champion")
    await shares.remove(admin.context, "acme", "ml_team.scorer")
    await shares.add_model(admin.context, "acme", older, SharedName("ml_team", "scorer"))
    after = await globex.state("Champion")
    assert (after.version, after.digest != before.digest) == (1, True)
    assert after.sequence > before.sequence


async def test_after_a_rotation_the_new_key_signs_and_the_old_one_vouches_for_it(globex: Globex) -> None:
    (first,) = (await globex.keys()).keys
    pinned = PublicKey.parse(first.pem).fingerprint
    for _ in range(2):
        await globex.admin.provider.signing.rotate(globex.admin.context)
    listed = (await globex.keys()).keys
    assert listed[0] == first
    assert [key.pem for key in follow(pinned, listed)] == [key.pem for key in listed]
    assert (await globex.state("Champion")).version == 1


def test_the_keys_are_private_and_stay_the_same(tmp_path: Path) -> None:
    path = tmp_path / "signing-keys.json"
    first = SigningKeys(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKeys(path).current.public == first.current.public
    secret = json.loads(path.read_text())["private_key"].splitlines()[1]
    assert secret not in repr(first.listed) + repr(first.current)


def test_a_rotation_by_another_process_is_seen_and_the_old_private_key_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "signing-keys.json"
    serving, other = SigningKeys(path), SigningKeys(path)
    old = serving.current
    other.rotate()
    assert serving.current.public == other.current.public != old.public
    assert serving.listed == other.listed
    assert json.dumps(old.to_pem())[1:-1] not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_retired_keys_are_listed_no_more_and_the_present_one_cannot_be(tmp_path: Path) -> None:
    keys = SigningKeys(tmp_path / "signing-keys.json")
    keys.rotate()
    keys.rotate()
    first, second, third = (PublicKey.parse(key.pem).fingerprint for key in keys.listed)
    with pytest.raises(InvalidParameter, match="rotate first"):
        keys.retire(third)
    with pytest.raises(NotFound, match="does not exist"):
        keys.retire("sha256:0")
    assert [PublicKey.parse(key.pem).fingerprint for key in keys.retire(second)] == [first, second]
    assert [PublicKey.parse(key.pem).fingerprint for key in keys.listed] == [third]


@pytest.mark.parametrize("damage", ["", "{}", "another key"])
async def test_a_damaged_file_is_not_replaced_by_a_new_key(tmp_path: Path, damage: str) -> None:
    async with open_provider(Settings(tmp_path / "home")):
        path = Settings(tmp_path / "home").signing_keys_path
    if damage == "another key":
        stored = json.loads(path.read_text())
        damage = json.dumps({**stored, "private_key": SigningKey.generate().to_pem()})
    path.write_text(damage)
    with pytest.raises(InvalidState, match="Restore it from a backup"):
        async with open_provider(Settings(tmp_path / "home")):
            pass
    assert path.read_text() == damage


def test_the_command_line_lists_rotates_and_retires(provider_cli: CliRunner) -> None:
    (first,) = provider_cli.succeed("key", "list", "--output", "json").json
    assert "signing-keys.json" not in provider_cli.succeed("key", "list").err
    second = provider_cli.succeed("key", "rotate", "--output", "json").json
    listed = provider_cli.succeed("key", "list", "--output", "json").json
    assert [key["fingerprint"] for key in listed] == [first["fingerprint"], second["fingerprint"]]
    assert "PRIVATE" not in json.dumps(listed)
    assert first["fingerprint"] in provider_cli.succeed("key", "retire", first["fingerprint"]).out
    assert provider_cli("key", "retire", first["fingerprint"]).code == NotFound.row.exit_code
