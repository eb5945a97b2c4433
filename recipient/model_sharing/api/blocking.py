"""Blocking functions, for code that does not await: scripts, notebooks, the command line, MLflow."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from model_sharing.api import background_loop
from model_sharing.api.background_loop import close
from model_sharing.api.blocking_catalog import Catalog
from model_sharing.api.progress_display import ShowProgress
from model_sharing.api.records import Records
from model_sharing.catalogs.shared_models import DownloadedVersion
from model_sharing.mount_table import Mount, MountTable
from model_sharing.mounting import activation, shares
from model_sharing.mounting.mount_share import mount_share
from model_sharing.mounting.profile_sources import ProfileInput, find_profile
from model_sharing.mounting.terms import Terms
from model_sharing.settings import Settings
from model_sharing_protocol.names import FullName, ModelRef

__all__ = [
    "Catalog",
    "activate",
    "catalog",
    "catalog_of",
    "close",
    "download",
    "list_shares",
    "list_terms",
    "load_model",
    "mount",
    "mounts",
    "path",
    "unmount",
]


def activate(link: str, path: str | Path, *, force: bool = False) -> Path:
    """Turn an activation link, which works once, into a profile file that only you can read.

    Args:
        link: The link that the provider gave you, of a page or of the API.
        path: The profile file to write.
        force: Replace the file if it exists.

    Returns:
        The path.

    Raises:
        AlreadyExists: The file exists, and `force` is not set. The link was not used.
        ActivationLinkUsed: The link was used before.
        NotFound: The provider does not know the link, or it has expired.
        ServerUnreachable: The provider does not answer.

    Example:
        >>> link = "https://models.acme.example/explorer/activate/…"
        >>> model_sharing.activate(link, "globex.share")  # doctest: +SKIP
        PosixPath('globex.share')
    """
    target = Path(path).expanduser()
    background_loop.run(lambda: activation.activate(link, target, force=force))
    return target


def list_shares(profile: ProfileInput = None) -> list[str]:
    """List the shares that a profile gives access to.

    Args:
        profile: The path of a profile file, or the JSON in it; None: what MODEL_SHARING_PROFILE says.

    Returns:
        Their names, sorted.

    Raises:
        InvalidProfile: The profile cannot be used, or there is none.
        Unauthenticated: The token is not accepted.
        ServerUnreachable: The provider does not answer.

    Example:
        >>> model_sharing.list_shares("globex.share")
        ['acme_share']
    """
    source = find_profile(profile)
    return background_loop.run(lambda: shares.list_shares(source))


def list_terms(profile: ProfileInput = None, *, share: str | None = None) -> Records[Terms]:
    """List the terms that a share and its models have, before it is mounted.

    Those of a mounted share: see `Catalog.list_terms`.

    Args:
        profile: The path of a profile file, or the JSON in it; None: see `list_shares`.
        share: The share's name at the provider; None: the only one.

    Returns:
        The terms in force, those of the whole share first; none if the provider knows of none.

    Raises:
        NotFound: The share does not exist, or is not shared with you.
        InvalidParameter: There are several shares, and none was named.
        ServerUnreachable: The provider does not answer.

    Example:
        >>> [(terms.version, terms.accepted) for terms in model_sharing.list_terms("globex.share")]
        []
    """
    source = find_profile(profile)
    return Records(background_loop.run(lambda: shares.list_terms(source, share)), Terms)


def mount(
    profile: ProfileInput = None,
    *,
    share: str | None = None,
    name: str | None = None,
    trust_remote_code: bool = False,
    key_fingerprint: str | None = None,
    move: bool = False,
    accept_terms: Collection[str] = (),
    accepted_by: str | None = None,
) -> Catalog:
    """Mount a share under a local name, and pin the provider's signing key.

    By default it is the only share there is, under its own name.

    The same mount again is no change.

    Args:
        profile: The file that `activate` wrote, or its JSON; None: see `list_shares`.
        share: The share's name at the provider; None: the only one.
        name: What to call the catalog here; None: as the share is called.
        trust_remote_code: Let this provider's models run code on this machine when they load.
        key_fingerprint: The fingerprint of the provider's signing key, as it was told another way, such as
            `sha256:0123…`; None trusts the one that is there now.
        move: The provider has a new address: change an existing mount, and insist on the key that is pinned.
        accept_terms: Digests of the terms that you accept hereby; see `list_terms`.
        accepted_by: Who accepts them, for the provider's record; None: your user name on this machine.

    Returns:
        The catalog.

    Raises:
        MountExists: Another share is mounted under this name.
        TermsNotAccepted: The share has terms that were not accepted; the message names their digests.
        NotFound: The share does not exist, or is not shared with you; those that are, are named.
        InvalidParameter: There are several shares, and none was named.
        InvalidProfile: The profile file cannot be used.
        UntrustedSignature: The provider signs with another key than `key_fingerprint`.
        ServerUnreachable: The provider does not answer.

    Example:
        >>> model_sharing.mount("globex.share", share="acme_share", name="vendor").name
        'vendor'
    """
    settings, source = Settings.from_environment(), find_profile(profile)
    mounted = background_loop.run(
        lambda: mount_share(
            settings,
            source,
            share,
            name,
            trust_remote_code=trust_remote_code,
            key_fingerprint=key_fingerprint,
            move=move,
            accept_terms=accept_terms,
            accepted_by=accepted_by,
        )
    )
    return Catalog(mounted, settings)


def unmount(name: str) -> None:
    """Forget a mount. What was downloaded stays in the cache.

    Args:
        name: What the share is mounted as.

    Returns:
        Nothing.

    Raises:
        NotFound: Nothing is mounted under this name.

    Example:
        >>> _ = model_sharing.mount("globex.share", share="acme_share", name="other")
        >>> model_sharing.unmount("other")
    """
    settings = Settings.from_environment()
    MountTable(settings.mounts).remove(name, settings.profiles)


def mounts() -> Records[Mount]:
    """List what is mounted, without asking any provider.

    Returns:
        The mounts in the order of their names; `to_frame()` makes a data frame of them.

    Raises:
        InvalidProfile: The file of a mount cannot be read.

    Example:
        >>> [(mount.name, mount.share) for mount in model_sharing.mounts()]
        [('vendor', 'acme_share')]
    """
    return Records(MountTable(Settings.from_environment().mounts).all(), Mount)


def catalog(name: str) -> Catalog:
    """Get a mounted share, without asking its provider.

    Args:
        name: What the share is mounted as.

    Returns:
        The catalog.

    Raises:
        NotFound: Nothing is mounted under this name.

    Example:
        >>> model_sharing.catalog("vendor").list_schemas()
        ['ml_team']
    """
    settings = Settings.from_environment()
    return Catalog(MountTable(settings.mounts).get(name), settings)


def catalog_of(ref: str) -> Catalog:
    """Get the catalog of a full reference such as `models:/vendor.ml_team.iris_model@Champion`."""
    return catalog(FullName.parse(ModelRef.parse(ref).name).catalog)


def load_model(uri: str, *, progress: ShowProgress = None, trust_remote_code: bool | None = None) -> Any:
    """Load a shared model, as an MLflow pyfunc model or a pipeline of transformers.

    Downloads and verifies what the cache lacks. Nothing is asked of the Hugging Face Hub.

    Args:
        uri: `models:/catalog.schema.model/3` or `models:/catalog.schema.model@alias`.
        progress: True shows progress, False does not, None does in a terminal or notebook; a callable is
            called with a `Progress`: see `Catalog.snapshot`.
        trust_remote_code: Decides for this call alone, whatever the mount says. False refuses all code.
            Warning: True lets the model's files do on this machine whatever you may do, while they load and
            whenever the model is used. That they are signed says who made them, not that they are harmless.

    Returns:
        The `mlflow.pyfunc.PyFuncModel`; for a Hugging Face folder the `transformers.Pipeline` of its task.

    Raises:
        UntrustedCode: Loading would run the provider's code, and the catalog was not mounted with trust.
        InvalidModel: Other programs read its format: use `path`.
        NotFound: There is no such mount, model, version or alias, or it is not shared.
        MissingDependency: MLflow, transformers, or a package that the model needs, is not installed.
        SharingError: Whatever else `Catalog.snapshot` raises.

    Example:
        >>> model = model_sharing.load_model("models:/vendor.ml_team.iris_model@Champion")  # doctest: +SKIP
        >>> model.predict(rows)  # doctest: +SKIP
    """
    return catalog_of(uri).load_model(uri, progress=progress, trust_remote_code=trust_remote_code)


def path(
    uri: str,
    *,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    file: str | None = None,
    progress: ShowProgress = None,
    trust_remote_code: bool | None = None,
) -> Path:
    """Get a version's verified files as a path for another program, such as transformers, vLLM or llama.cpp.

    They stay in the cache until this process ends; then pruning may remove them, if there is too much in it.

    Args:
        uri: `models:/catalog.schema.model/3` or `models:/catalog.schema.model@alias`.
        include: Patterns of the wanted files, as `allow_patterns` of `huggingface_hub` are: `*` matches
            slashes, too, and `folder/` is all that is in it. None for all files. Others are not fetched.
        exclude: Patterns of files to leave out, as `ignore_patterns` are.
        file: One file, or a pattern that matches one: `*Q4_K_M.gguf`. The shards of one model are one file.
        progress: As for `load_model`.
        trust_remote_code: For this call alone: True also takes files that tools may run unasked, such as
            `.envrc`. What the program that reads the files makes of them is not judged.

    Returns:
        The folder, with nothing else in it and not to be changed; with `file`, that file, the first one of a
        model in shards.

    Raises:
        NotFound: There is no such mount, model, version, alias or file, or it is not shared.
        InvalidParameter: `file` matches several files, or is given with `include` or `exclude`.
        UntrustedCode: Some of the files are such that tools may run unasked.
        SharingError: Whatever else `Catalog.snapshot` raises.

    Example:
        >>> folder = model_sharing.path("models:/vendor.ml_team.iris_model@Champion")
        >>> (folder / "MLmodel").is_file()
        True
    """
    return catalog_of(uri).path(
        uri,
        include=include,
        exclude=exclude,
        file=file,
        progress=progress,
        trust_remote_code=trust_remote_code,
    )


def download(
    uri: str,
    destination: str | Path,
    *,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    file: str | None = None,
    progress: ShowProgress = None,
    trust_remote_code: bool | None = None,
) -> DownloadedVersion:
    """Copy a version's verified files to a new or empty folder, and its signature beside it.

    Args:
        uri: `models:/catalog.schema.model/3` or `models:/catalog.schema.model@alias`.
        destination: A folder that does not exist, or is empty.
        include: Patterns of the wanted files, as for `path`; None for all.
        exclude: Patterns of files to leave out.
        file: One file, or a pattern that matches one.
        progress: As for `load_model`.
        trust_remote_code: For this call alone: True also takes files that tools may run unasked, such as
            `.envrc`.

    Returns:
        The version, the path, and how many bytes were fetched now and reused, since they were here already.

    Raises:
        AlreadyExists: The destination, or its signature, is there. Nothing was touched.
        UntrustedCode: It has files that tools may run unasked.
        NotFound: There is no such mount, model, version or alias, or it is not shared.
        SharingError: Whatever else `Catalog.snapshot` raises.

    Example:
        >>> version = model_sharing.download("models:/vendor.ml_team.iris_model/1", "downloaded")
        >>> version.size == version.fetched + version.reused
        True
    """
    return catalog_of(uri).download(
        uri,
        destination,
        include=include,
        exclude=exclude,
        file=file,
        progress=progress,
        trust_remote_code=trust_remote_code,
    )
