"""Stock `huggingface_hub`, oldest and newest, reads a share by `HF_ENDPOINT` and `HF_TOKEN` alone."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.names import FullName
from model_sharing_protocol.terms import terms_digest
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.securables import SecurableType
from support.admin_client import AdminClient
from support.hugging_face_door import NAME, REPO, SHARE, SNAPSHOTS, HuggingFaceDoor, run
from support.hugging_face_hub import NEWEST, OLDEST
from support.principals import create_user, recipient_context
from support.repository_folder import files_of

READS = """
import json, sys
from huggingface_hub import HfApi, hf_hub_download
api, repository = HfApi(), sys.argv[1]
info = api.model_info(repository, revision="Champion", files_metadata=True)
tree = list(api.list_repo_tree(repository, recursive=True))
paths = api.get_paths_info(repository, ["config.json", "onnx", "absent.bin"])
tensors = api.get_safetensors_metadata(repository)
print(json.dumps({
    "me": api.whoami()["name"],
    "models": [model.id for model in api.list_models()],
    "found": [model.id for model in api.list_models(search="TINY")],
    "not found": [model.id for model in api.list_models(search="absent")],
    "of author": [model.id for model in api.list_models(author=repository.partition("/")[0])],
    "id": info.id,
    "sha": info.sha,
    "private": info.private,
    "siblings": {sibling.rfilename: sibling.size for sibling in info.siblings},
    "files": api.list_repo_files(repository),
    "tree": {entry.path: getattr(entry, "size", None) for entry in tree},
    "paths": [[entry.path, type(entry).__name__] for entry in paths],
    "exists": [
        api.repo_exists(repository),
        api.repo_exists("llm/absent"),
        api.revision_exists(repository, "1"),
        api.revision_exists(repository, "9"),
        api.file_exists(repository, "config.json"),
        api.file_exists(repository, "absent.bin"),
    ],
    "tensors": sorted(tensors.weight_map),
    "one": hf_hub_download(repository, "onnx/a b+é.json", revision="Champion"),
    "part": hf_hub_download(repository, "config.json", subfolder=None, local_dir=sys.argv[2]),
}))
"""

ERRORS = """
import json, sys
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.utils import HfHubHTTPError
said = {}
for repository, revision, path in json.loads(sys.argv[1]):
    for how, call in {
        "info": lambda: HfApi().model_info(repository, revision=revision),
        "snapshot": lambda: snapshot_download(repository, revision=revision),
        "file": lambda: hf_hub_download(repository, path, revision=revision),
    }.items():
        try:
            call()
            error = None
        except Exception as raised:
            # It may be for want of what is in the cache, because of what the door said.
            error = raised if isinstance(raised, HfHubHTTPError) else raised.__cause__ or raised
        said[f"{how} {repository} {revision} {path}"] = [type(error).__name__, str(error)]
print(json.dumps(said))
"""


@pytest.fixture(params=[OLDEST, NEWEST])
def door(
    request: pytest.FixtureRequest, admin: AdminClient, server: TestServer, tmp_path: Path
) -> HuggingFaceDoor:
    return HuggingFaceDoor(admin, server, request.param, tmp_path)


async def test_a_snapshot_by_number_alias_branch_and_sha_follows_the_alias(door: HuggingFaceDoor) -> None:
    globex = await door.open()
    first, second = door.repositories[0], await door.register()
    by_alias, by_number, newest = await run(globex, SNAPSHOTS, REPO, "Champion", "1", "")
    assert by_alias == by_number
    assert files_of(Path(by_alias)) == files_of(first)
    # Without an alias of that name, `main` is the newest version.
    assert files_of(Path(newest)) == files_of(second)
    sha = Path(by_alias).name
    assert len(sha) == 40
    assert await run(globex, SNAPSHOTS, REPO, sha) == [by_alias]

    await door.admin.provider.models.set_alias(door.admin.context, FullName.parse(NAME), "Champion", 2)
    await door.admin.provider.models.set_alias(door.admin.context, FullName.parse(NAME), "main", 1)
    assert await run(globex, SNAPSHOTS, REPO, "Champion", "main") == [newest, by_alias]
    # What was downloaded is there without the door.
    offline = replace(globex, settings={"HF_HUB_OFFLINE": "1"})
    assert await run(offline, SNAPSHOTS, REPO, "Champion", "1") == [newest, by_alias]


async def test_it_reads_what_there_is(door: HuggingFaceDoor) -> None:
    globex = await door.open()
    folder = door.repositories[0]
    files = {path: len(content) for path, content in files_of(folder).items()}
    seen = await run(globex, READS, REPO, door.folder / "local")
    assert seen["me"] == "globex"
    assert seen["models"] == seen["found"] == seen["of author"] == [REPO]
    assert seen["not found"] == []
    assert [seen["id"], seen["private"], len(seen["sha"])] == [REPO, True, 40]
    assert seen["siblings"] == files
    assert sorted(seen["files"]) == sorted(files)
    assert seen["tree"] == {**files, "onnx": None}
    assert seen["paths"] == [["config.json", "RepoFile"], ["onnx", "RepoFolder"]]
    assert seen["exists"] == [True, False, True, False, True, False]
    assert seen["tensors"] == ["model.embed.weight", "model.norm.weight"]
    assert Path(seen["one"]).read_text() == "{}"
    assert Path(seen["part"]).read_bytes() == (folder / "config.json").read_bytes()


async def test_the_command_line_downloads_and_lists(door: HuggingFaceDoor) -> None:
    globex = await door.open()
    target = door.folder / "downloaded"
    download = [
        "download",
        REPO,
        "--revision",
        "Champion",
        "--exclude",
        "*.safetensors",
        "--local-dir",
        target,
    ]
    await asyncio.to_thread(globex.command, *download)
    wanted = files_of(door.repositories[0])
    for shard in [path for path in wanted if path.endswith(".safetensors")]:
        del wanted[shard]
    assert {path: (target / path).read_bytes() for path in wanted} == wanted
    assert not list(target.glob("*.safetensors"))
    if door.release == OLDEST:
        assert "globex" in await asyncio.to_thread(globex.command, "whoami")
    else:
        assert "globex" in await asyncio.to_thread(globex.command, "auth", "whoami")
        assert REPO in await asyncio.to_thread(globex.command, "models", "ls", "--search", "tiny", "-q")
        assert "config.json" in await asyncio.to_thread(globex.command, "models", "ls", REPO, "-R", "-q")


async def test_what_it_may_not_have_is_an_error_that_it_knows(door: HuggingFaceDoor) -> None:
    globex = await door.open()
    await door.admin.register(door.repositories[0], "prod.llm.secret")
    asked = [
        ("llm/secret", "1", "config.json"),
        ("llm/absent", "1", "config.json"),
        (REPO, "9", "config.json"),
        (REPO, "Absent", "config.json"),
        (REPO, "a" * 40, "config.json"),
        (REPO, "1", "absent.bin"),
    ]
    said = await run(globex, ERRORS, json.dumps(asked))
    kinds = {asking: kind for asking, (kind, _) in said.items()}
    for repository, revision, path in asked[:5]:
        wanted = "RevisionNotFoundError" if repository == REPO else "RepositoryNotFoundError"
        assert {kinds[f"{how} {repository} {revision} {path}"] for how in ("info", "snapshot", "file")} == {
            wanted
        }
    assert kinds[f"file {REPO} 1 absent.bin"] in {"EntryNotFoundError", "RemoteEntryNotFoundError"}
    # Whether a model is there that is not shared, nobody learns.
    hidden, absent = (
        [
            text.replace(name, "").partition("Request ID")[0]
            for asking, (_, text) in said.items()
            if name in asking
        ]
        for name in ("llm/secret", "llm/absent")
    )
    assert hidden == absent

    stranger = door.user("not-a-token")
    said = await run(stranger, ERRORS, json.dumps(asked[-1:]))
    assert {kind for kind, _ in said.values()} == {"RepositoryNotFoundError"}


async def test_what_was_allowed_is_refused_at_once_when_it_ends(door: HuggingFaceDoor) -> None:
    globex, asked = await door.open(), json.dumps([(REPO, "1", "config.json")])
    context, provider = door.admin.context, door.admin.provider
    await run(globex, SNAPSHOTS, REPO, "1")
    await provider.share_permissions.revoke(context, SHARE, "globex")
    said = await run(door.user(globex.token), ERRORS, asked)
    assert {kind for kind, _ in said.values()} == {"RepositoryNotFoundError"}
    assert globex.token not in str(said)


async def test_terms_make_a_repository_gated_and_a_recall_says_why(door: HuggingFaceDoor) -> None:
    globex, asked = await door.open(), json.dumps([(REPO, "1", "config.json")])
    context, provider = door.admin.context, door.admin.provider
    text = "For research."
    await provider.provider_terms.set(context, SecurableType.SHARE, SHARE, version="1.0", text=text)
    said = await run(globex, ERRORS, asked)
    for how in ("snapshot", "file"):
        kind, message = said[f"{how} {REPO} 1 config.json"]
        assert kind == "GatedRepoError"
        assert "terms" in message
    recipient = await recipient_context(door.admin, "globex")
    await provider.recipient_terms.accept(recipient, SHARE, terms_digest("1.0", text), "ana@globex.example")
    (folder,) = await run(globex, SNAPSHOTS, REPO, "1")
    assert files_of(Path(folder)) == files_of(door.repositories[0])

    await provider.models.delete_alias(context, FullName.parse(NAME), "Champion")
    await provider.recalls.recall(context, FullName.parse(NAME), 1, "It repeats what it was trained with.")
    (_, message) = (await run(door.user(globex.token), ERRORS, asked))[f"info {REPO} 1 config.json"]
    assert "It repeats what it was trained with" in message


async def test_the_metastores_own_people_read_their_catalogs(
    door: HuggingFaceDoor, settings: Settings
) -> None:
    await door.register("Champion")
    admin = door.user(settings.admin_token_path.read_text().strip(), "/hf")
    (folder,) = await run(admin, SNAPSHOTS, "prod.llm/tiny", "Champion")
    assert files_of(Path(folder)) == files_of(door.repositories[0])
    ann = door.user((await create_user(door.admin, "ann@example.com")).token, "/hf")
    said = await run(ann, ERRORS, json.dumps([("prod.llm/tiny", "1", "config.json")]))
    kind, message = said["info prod.llm/tiny 1 config.json"]
    # Inside, a colleague learns what is missing.
    assert kind == "HfHubHTTPError"
    assert "USE_CATALOG" in message
    assert "NoneType" not in {kind for kind, _ in said.values()}
