"""The mistakes people make at the recipient's command line: a clear line and a code of its own for each."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_protocol.profile import read_profile, write_profile
from model_sharing_protocol.times import iso, now_ms
from model_sharing_provider.http.urls import ACTIVATION_PATH
from model_sharing_provider.services.sharing import recipient_sign_in
from support.admin_client import AdminClient
from support.model_folder import write_model

PROGRAM = str(Path(sys.executable).parent / "model-sharing")
MODEL = "models:/vendor.ml_team.scorer"


@dataclass(frozen=True)
class Globex:
    """A recipient at a terminal, in a folder of its own."""

    folder: Path
    link: str

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            *arguments,
            cwd=self.folder,
            env={
                **os.environ,
                "MODEL_SHARING_HOME": str(self.folder / "home"),
                "MODEL_SHARING_RETRY_FOR": "1s",  # so short that no wait is told
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def fails(self, code: int, says: str, *arguments: str) -> None:
        """The command ends with `code` and one line that contains `says`."""
        returned, out, err = await self.run(*arguments)
        assert (returned, out) == (code, ""), (arguments, err)
        assert says in err
        assert "Traceback" not in err
        assert err.startswith("error: ") or "Usage:" in err


@pytest.fixture
async def globex(admin: AdminClient, endpoint: str, tmp_path: Path) -> Globex:
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer", "Champion")
    code = await admin.share("acme", "globex", "prod.ml_team.scorer")
    folder = tmp_path / "globex"
    folder.mkdir()
    return Globex(folder, endpoint.removesuffix(PREFIX) + f"{ACTIVATION_PATH}/{code}")


async def mounted(globex: Globex) -> None:
    assert (await globex.run("activate", globex.link, "globex.share"))[0] == 0
    assert (await globex.run("mount", "globex.share", "acme", "--as", "vendor"))[0] == 0


async def test_the_commands_word_for_word(globex: Globex) -> None:
    await mounted(globex)
    _, listed, _ = await globex.run("list", "vendor.ml_team", "--output", "json")
    assert [model["full_name"] for model in json.loads(listed)] == ["vendor.ml_team.scorer"]
    _, shown, _ = await globex.run("show", f"{MODEL}@Champion", "--output", "json")
    version = json.loads(shown)
    assert (version["version"], version["status"]) == (1, "READY")
    assert {"full_name", "aliases", "size", "digest"} <= version.keys()
    _, shown, _ = await globex.run("show", f"{MODEL}@Champion")
    assert "inputs x: double" in " ".join(shown.split())
    assert (await globex.run("download", f"{MODEL}@Champion", "./out"))[0] == 0
    assert {path.name for path in (globex.folder / "out").iterdir()} == {"MLmodel", "model.pkl"}
    assert (await globex.run("unmount", "vendor"))[0] == 0
    await globex.fails(4, "vendor", "list", "vendor")


async def test_links(globex: Globex) -> None:
    await mounted(globex)
    await globex.fails(20, "used", "activate", globex.link, "again.share")
    await globex.fails(4, "", "activate", globex.link[:-4] + "XXXX", "again.share")
    await globex.fails(5, "--force", "activate", globex.link, "globex.share")
    assert not (globex.folder / "again.share").exists()


async def test_unknown_things(globex: Globex) -> None:
    await mounted(globex)
    for command, says in (
        (("mount", "globex.share", "no_share", "--as", "other"), "no_share"),
        (("show", f"{MODEL}@Nobody"), "'nobody' in the share 'acme'. Its aliases are: Champion."),
        (("show", f"{MODEL}/9"), "version 9"),
        (("download", "models:/vendor.ml_team.nothing/1", "out"), "List its models"),
        (("list", "vendor.no_schema"), "no_schema"),
        (("list", "nowhere"), "nowhere"),
        (("unmount", "nowhere"), "nowhere"),
    ):
        await globex.fails(4, says, *command)
    assert not (globex.folder / "out").exists()


async def test_names_that_are_taken_and_words_that_cannot_be(globex: Globex) -> None:
    await mounted(globex)
    await globex.fails(13, "vendor", "mount", "globex.share", "acme", "--as", "vendor", "--trust-remote-code")
    await globex.fails(2, "does not name a model version", "download", "models:/vendor.ml_team", "out")
    (globex.folder / "full").mkdir()
    (globex.folder / "full" / "mine").write_text("mine")
    await globex.fails(5, "Nothing was touched", "download", f"{MODEL}/1", "full")
    assert [path.name for path in (globex.folder / "full").iterdir()] == ["mine"]


async def test_profiles(globex: Globex) -> None:
    await mounted(globex)
    profile = globex.folder / "globex.share"
    good = profile.read_bytes()
    for content, code, says in (
        (b"not json", 12, "not JSON"),
        (good.replace(b'"shareCredentialsVersion":1', b'"shareCredentialsVersion":7'), 12, "7"),
        (good.replace(b"msh_", b"msh_x"), 3, "token"),
    ):
        profile.write_bytes(content)
        await globex.fails(code, says, "list", "vendor")
    profile.unlink()
    await globex.fails(12, "globex.share", "list", "vendor")


async def test_an_expired_token_and_one_that_was_rotated_away(
    globex: Globex, admin: AdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await mounted(globex)
    code = await admin.provider.recipients.rotate_token(
        admin.context, "globex", existing_expires_in=timedelta(0), lifetime=timedelta(days=1)
    )
    await globex.fails(3, "expired at", "list", "vendor")
    link = globex.link.rpartition("/")[0] + f"/{code}"
    assert (await globex.run("activate", link, "globex.share", "--force"))[0] == 0
    # The mount follows the profile file: no need to mount again.
    assert (await globex.run("list", "vendor"))[0] == 0
    # A day later, by the clock of the server, and as seen from there by the profile.
    tomorrow = now_ms() + timedelta(days=1) // timedelta(milliseconds=1)
    monkeypatch.setattr(recipient_sign_in, "now_ms", lambda: tomorrow)
    profile = globex.folder / "globex.share"
    fields = json.loads(profile.read_bytes())
    profile.write_text(json.dumps(fields | {"expirationTime": iso(now_ms())}))
    await globex.fails(7, "expired", "list", "vendor")


async def test_a_revoked_share_is_like_none(globex: Globex, admin: AdminClient) -> None:
    await mounted(globex)
    await admin.provider.share_permissions.revoke(admin.context, "acme", "globex")
    await globex.fails(4, "not granted", "list", "vendor")


async def test_servers_that_are_down_or_not_ours(globex: Globex, aiohttp_server: AiohttpServer) -> None:
    await mounted(globex)
    other = web.Application()
    other.router.add_get("/{path:.*}", page)
    served = await aiohttp_server(other)
    profile = read_profile(globex.folder / "globex.share")
    for endpoint, code in ((str(served.make_url("/x")), 9), ("http://127.0.0.1:9/x", 8)):
        changed = profile.to_json().replace(profile.endpoint.encode(), endpoint.encode())
        write_profile(changed, globex.folder / "elsewhere.share")
        await globex.fails(code, "", "mount", "elsewhere.share", "acme", "--as", "elsewhere")
    _, listed, _ = await globex.run("mounts", "--output", "json")
    assert [mount["name"] for mount in json.loads(listed)] == ["vendor"]


async def page(_: web.Request) -> web.Response:
    return web.Response(text="<html>Welcome to the printer</html>", content_type="text/html")
