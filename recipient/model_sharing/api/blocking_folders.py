"""Volumes and agent skills of a blocking catalog, downloaded to folders."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from model_sharing.api import background_loop
from model_sharing.api.blocking_files import CatalogFiles
from model_sharing.api.progress_display import ShowProgress, open_display
from model_sharing.catalogs.file_patterns import FilePatterns
from model_sharing.catalogs.shared_folders import DownloadedFolder, FolderKind, FolderPlan
from model_sharing.downloads.progress_counter import ProgressCounter


class CatalogFolders(CatalogFiles):
    """Folders of files that a mounted share shows beside its models: what `Catalog` does with them."""

    def download_volume(
        self,
        name: str,
        destination: str | Path,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
        progress: ShowProgress = None,
        trust_remote_code: bool | None = None,
    ) -> DownloadedFolder:
        """Download a volume to a folder, which appears when all of it is there.

        The files are not signed, and have no digests: they are as large as the provider says, and as it
        listed them, as far as etags tell. A download that broke off goes on where it stopped, by the same
        call.

        Args:
            name: `schema.volume`.
            destination: A folder that does not exist, or is empty.
            include: Patterns of the wanted files, as for `partial_snapshot`; None for all.
            exclude: Patterns of files to leave out.
            file: One file, or a pattern that matches one.
            progress: As for `snapshot`.
            trust_remote_code: True also takes files that tools may run unasked, such as `.envrc`; None does
                what the mount says.

        Returns:
            The path, the files, and how many bytes were fetched and reused.

        Raises:
            NotFound: There is no such volume, or it has no such files.
            AlreadyExists: Something is at the destination already.
            InvalidState: A file was replaced while it was fetched, or another process downloads to there.
            UnsafePath: A file has a name that would leave the folder, or that is not safe on every system.
            UntrustedCode: Some of the files are such that tools may run unasked.
            UnsupportedOperation: The provider gives no URLs, but credentials of a store unknown here.
            MissingDependency: It gives credentials of S3, and pyarrow is not installed.
            DiskFull: There is no room for it.

        Example:
            >>> catalog.download_volume("evaluation.prompts", "prompts").files
            ('more/two.txt', 'one.txt')
        """
        patterns = FilePatterns.of(include, exclude, file)
        return self._shown(
            lambda counter: self._shared.folders.download(
                FolderKind.VOLUME,
                name,
                Path(destination),
                patterns,
                counter,
                trust_remote_code=trust_remote_code,
            ),
            progress,
        )

    def download_skill(
        self,
        name: str,
        destination: str | Path,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
        progress: ShowProgress = None,
        trust_remote_code: bool | None = None,
    ) -> DownloadedFolder:
        """Download an agent skill to a folder, which appears when all of it is there.

        A skill tells an agent what to do, and may bring scripts for it. Nothing of it is run or judged here:
        read it before you let an agent use it.

        Args:
            name: `schema.skill`.
            destination: A folder that does not exist, or is empty; agents want it to have the skill's name.
            include: As for `download_volume`.
            exclude: As for `download_volume`.
            file: As for `download_volume`.
            progress: As for `snapshot`.
            trust_remote_code: As for `download_volume`.

        Returns:
            The path, the files, and how many bytes were fetched and reused.

        Raises:
            NotFound: There is no such skill, or it has no such files.
            SharingError: Whatever else `download_volume` raises.

        Example:
            >>> catalog.download_skill("agents.read-pdf", "read-pdf").full_name
            'vendor.agents.read-pdf'
        """
        patterns = FilePatterns.of(include, exclude, file)
        return self._shown(
            lambda counter: self._shared.folders.download(
                FolderKind.SKILL,
                name,
                Path(destination),
                patterns,
                counter,
                trust_remote_code=trust_remote_code,
            ),
            progress,
        )

    def plan_folder_download(
        self,
        kind: str,
        name: str,
        destination: str | Path,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
        trust_remote_code: bool | None = None,
    ) -> FolderPlan:
        """Plan what `download_volume` or `download_skill` would fetch, without fetching any file.

        Args:
            kind: `volume` or `skill`.
            name: `schema.volume` or `schema.skill`.
            destination: A folder that does not exist, or is empty.
            include: As for `download_volume`.
            exclude: As for `download_volume`.
            file: As for `download_volume`.
            trust_remote_code: As for `download_volume`.

        Returns:
            The files with their sizes, and how many bytes of each would be fetched; the others were left by
            a download to the same destination that broke off.

        Raises:
            NotFound: There is no such volume or skill, or it has no such files.
            SharingError: Whatever else `download_volume` raises.

        Example:
            >>> plan = catalog.plan_folder_download("volume", "evaluation.prompts", "later")
            >>> plan.size == plan.fetched
            True
        """
        patterns = FilePatterns.of(include, exclude, file)
        parsed = FolderKind.parse(kind)
        return background_loop.run(
            lambda: self._shared.folders.plan(
                parsed, name, Path(destination), patterns, trust_remote_code=trust_remote_code
            )
        )

    def _shown(
        self,
        download: Callable[[ProgressCounter], Coroutine[Any, Any, DownloadedFolder]],
        progress: ShowProgress,
    ) -> DownloadedFolder:
        with open_display(progress) as display:
            counter = ProgressCounter(display.observer)
            folder = background_loop.run(lambda: download(counter), counter.phases, display.callback)
            display.done(counter.progress)
        return folder
