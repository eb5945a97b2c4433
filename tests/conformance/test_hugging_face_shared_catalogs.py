"""Stock `huggingface_hub` at a recipient's server: a catalog from a share is read like one of its own."""

from __future__ import annotations

from pathlib import Path

from support.hugging_face_door import SNAPSHOTS
from support.hugging_face_hub import NEWEST, HubClient
from support.processes.provider import MODEL
from support.repository_folder import files_of
from support.two_metastores import ABROAD, TwoMetastores


def test_a_colleague_downloads_what_is_fetched_from_the_provider(
    metastores: TwoMetastores, tmp_path: Path
) -> None:
    metastores.add_provider()
    metastores.create_catalog()
    token = metastores.colleague("ana")
    namespace, _, name = ABROAD.rpartition(".")
    client = HubClient(NEWEST, tmp_path, f"{metastores.globex[-1].url}/hf", token)
    (folder,) = client.run(SNAPSHOTS, f"{namespace}/{name}", "1")
    at_home = HubClient(
        NEWEST,
        tmp_path / "acme",
        f"{metastores.acme.url}/hf",
        (metastores.acme.home / "admin.token").read_text(),
    )
    (original,) = at_home.run(SNAPSHOTS, "{}/{}".format(*MODEL.rsplit(".", 1)), "1")
    assert files_of(Path(folder)) == files_of(Path(original))
    assert Path(folder).name == Path(original).name
