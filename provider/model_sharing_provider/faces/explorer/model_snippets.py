"""Lines that use a model, for the clients that know this server: colleagues' and recipients'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from model_sharing_protocol import files_api, unity_catalog
from model_sharing_protocol.model_formats import ModelFormat
from model_sharing_provider.domain.securables import RegisteredModel
from model_sharing_provider.domain.sharing import ModelShare
from model_sharing_provider.faces.explorer.filters import python_literal, shell_word

_FAVOURITES = ("champion", "production", "main")


@dataclass(frozen=True, slots=True)
class Snippet:
    """Lines of code for one client, and for whom they are."""

    client: str
    reader: str
    code: str


def snippets(base: str, model: RegisteredModel, shares: Sequence[ModelShare]) -> list[Snippet]:
    """Lines for each client; none for a model without a READY version."""
    revision = _revision(model)
    if not revision:
        return []
    colleague, recipient = "for colleagues, with an access token", "for recipients, with a share's profile"
    name = model.full_name
    uri = f"models:/{name}{revision}"
    shared_as = shares[0].shared_as if shares else f"{name.schema}.{name.name}"
    theirs = f"models:/vendor.{shared_as}{revision}"
    return [
        Snippet("MLflow", colleague, _mlflow(base, uri, model.format)),
        Snippet("Hugging Face", colleague, _hugging_face(base, model, revision[1:])),
        Snippet("curl", colleague, _curl(base, model)),
        Snippet("model_sharing (Python)", recipient, _python(theirs)),
        Snippet("model-sharing (command line)", recipient, _command_line(theirs, name.name)),
    ]


def _revision(model: RegisteredModel) -> str:
    """`@alias` of the alias that most would load, else `/number` of the newest version."""
    by_key = {alias.lower(): alias for alias in model.aliases}
    for alias in (*(by_key.get(each) for each in _FAVOURITES), *model.aliases):
        if alias:
            return f"@{alias}"
    return f"/{model.latest_version}" if model.latest_version else ""


def _mlflow(base: str, uri: str, kind: ModelFormat | None) -> str:
    last = (
        f"model = mlflow.pyfunc.load_model({python_literal(uri)})"
        if kind in (None, ModelFormat.MLFLOW)
        else f"folder = mlflow.artifacts.download_artifacts({python_literal(uri)})"
    )
    return (
        "import os\n\nimport mlflow\n\n"
        f'os.environ["DATABRICKS_HOST"] = {python_literal(base)}\n'
        'os.environ["DATABRICKS_TOKEN"] = "..."  # your access token\n'
        'mlflow.set_registry_uri("databricks-uc")\n'
        f"{last}"
    )


def _hugging_face(base: str, model: RegisteredModel, revision: str) -> str:
    name = model.full_name
    repository = shell_word(f"{name.catalog}.{name.schema}/{name.name}")
    return (
        f"export HF_ENDPOINT={shell_word(f'{base}/hf')}\n"
        "export HF_TOKEN=...  # your access token\n"
        f"hf download {repository} --revision {shell_word(revision)}"
    )


def _curl(base: str, model: RegisteredModel) -> str:
    name, version = model.full_name, model.latest_version
    versions = f"{base}{unity_catalog.PREFIX}/models/{quote(str(name))}/versions"
    parts = "/".join(map(quote, ("Models", name.catalog, name.schema, name.name, str(version))))
    folder = f"{base}{files_api.PREFIX}/directories/{parts}"
    head = 'curl -sS -H "Authorization: Bearer $TOKEN"'
    return f"TOKEN=...  # your access token\n{head} {shell_word(versions)}\n{head} {shell_word(folder)}"


def _python(uri: str) -> str:
    return (
        "import model_sharing\n\n"
        'model_sharing.mount("globex.share", name="vendor")  # the profile that activation gave\n'
        f"model = model_sharing.load_model({python_literal(uri)})"
    )


def _command_line(uri: str, folder: str) -> str:
    return (
        "model-sharing mount globex.share --as vendor  # the profile that activation gave\n"
        f"model-sharing download {shell_word(uri)} {shell_word(folder)}"
    )
