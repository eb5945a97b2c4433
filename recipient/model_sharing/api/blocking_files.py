"""Files of a blocking catalog: snapshots of versions in the cache, downloads to folders, and their check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from model_sharing.api import background_loop
from model_sharing.api.progress_display import Display, ShowProgress, open_display
from model_sharing.catalogs import exporting
from model_sharing.catalogs.download_plan import DownloadPlan
from model_sharing.catalogs.file_patterns import FilePatterns
from model_sharing.catalogs.shared_catalog import SharedCatalog
from model_sharing.catalogs.shared_models import DownloadedVersion
from model_sharing.catalogs.snapshots import PartialSnapshot, Snapshot
from model_sharing.downloads.progress_counter import ProgressCounter
from model_sharing.mount_table import Mount
from model_sharing.settings import Settings
from model_sharing_protocol.names import ModelRef


class CatalogFiles:
    """Files of a mounted share's models: what `Catalog` does with them."""

    def __init__(self, mount: Mount, settings: Settings) -> None:
        self._mount = mount
        self._settings = settings

    def snapshot(
        self, ref: str | ModelRef, *, progress: ShowProgress = None, verify: bool = False
    ) -> Snapshot:
        """Get a version's verified files in the cache, fetching what is missing.

        They stay in the cache until this process ends, or calls `release`.

        Args:
            ref: `schema.model@alias` or `schema.model/3`.
            progress: True shows progress, False does not, None does in a terminal or notebook. A callable
                is called with a `Progress` in the calling thread, when a phase begins, up to ten times a
                second meanwhile, and in the end with the phase `done`; what it raises ends the download.
            verify: Hash what is in the cache already, too.

        Returns:
            The folder, which is not to be changed, with the version, its manifest and its signature, and
            how many bytes were fetched and reused.

        Raises:
            NotFound: There is no such version, or it is not shared.
            InvalidState: The version is not READY.
            CorruptArtifact: The provider sent other bytes than it signed, twice.
            DiskFull: There is no room for it. Nothing is lost: run it again.
            ServerUnreachable: The provider does not answer, and the cache does not have all of it.
            UntrustedSignature: The version is not signed by the key that was pinned.

        Example:
            >>> snapshot = catalog.snapshot("ml_team.iris_model@Champion")
            >>> (snapshot.folder / "MLmodel").is_file()
            True
        """
        with open_display(progress) as display:
            snapshot = self._snapshot(ref, display, verify=verify)
            display.done(snapshot.progress)
        return snapshot

    def partial_snapshot(
        self,
        ref: str | ModelRef,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
        progress: ShowProgress = None,
        verify: bool = False,
    ) -> PartialSnapshot:
        """Get some of a version's files, verified, in the cache, fetching only what is missing of these.

        They stay in the cache until this process ends, or calls `release`. What is here already is never
        fetched again, whether alone or with all of the version.

        Args:
            ref: `schema.model@alias` or `schema.model/3`.
            include: Patterns of the wanted files, as `allow_patterns` of `huggingface_hub` are: `*` matches
                slashes, too, and `folder/` is all that is in it. None for all files.
            exclude: Patterns of files to leave out, as `ignore_patterns` are.
            file: One file instead, or a pattern that matches one. The shards of one model are one file.
            progress: As for `snapshot`.
            verify: Hash what is in the cache already, too.

        Returns:
            The files, and `path_of(path)`, where each of them is. With `include` or `exclude`, nothing else
            is in `folder`.

        Raises:
            NotFound: There is no such version, or it has no such files.
            InvalidParameter: `file` matches several files, or is given with `include` or `exclude`.
            SharingError: Whatever else `snapshot` raises.

        Example:
            >>> snapshot = catalog.partial_snapshot("ml_team.iris_model@Champion", file="ML*")
            >>> snapshot.path_of("MLmodel").read_text()
            'flavors: {}\\n'
        """
        patterns = FilePatterns.of(include, exclude, file) or FilePatterns()
        with open_display(progress) as display:
            counter = ProgressCounter(display.observer)
            snapshot = background_loop.run(
                lambda: self._shared.partial_snapshot(ref, patterns, counter=counter, verify=verify),
                counter.phases,
                display.callback,
            )
            display.done(snapshot.progress)
        return snapshot

    def release(self, snapshot: Snapshot | PartialSnapshot) -> None:
        """Release a snapshot that is no longer used, so that pruning may remove it from the cache.

        A process that follows an alias for long releases the version before. What was asked for several
        times is released as many times.

        Args:
            snapshot: What `snapshot` or `partial_snapshot` gave.

        Returns:
            Nothing.

        Raises:
            InvalidState: It is not held, since it was released before.

        Example:
            >>> catalog.release(catalog.snapshot("ml_team.iris_model@Champion"))
        """
        self._shared.release(snapshot)

    def path(
        self,
        ref: str | ModelRef,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
        progress: ShowProgress = None,
        verify: bool = False,
        trust_remote_code: bool | None = None,
    ) -> Path:
        """Get a version's verified files as a path for another program, fetching what is missing.

        They stay in the cache until this process ends; then pruning may remove them, if there is too much in
        it. For a program that reads them for longer, `download` makes a copy.

        Args:
            ref: `schema.model@alias` or `schema.model/3`.
            include: Patterns of the wanted files, as for `partial_snapshot`; None for all.
            exclude: Patterns of files to leave out.
            file: One file, or a pattern that matches one.
            progress: As for `snapshot`.
            verify: Hash what is in the cache already, too.
            trust_remote_code: True also takes files that tools may run unasked, such as `.envrc`; None does
                what the mount says. What the program that reads the files makes of them is not judged.

        Returns:
            The folder, with nothing else in it and not to be changed; with `file`, that file, the first one
            of a model in shards.

        Raises:
            NotFound: There is no such version, or it has no such files.
            InvalidParameter: `file` matches several files, or is given with `include` or `exclude`.
            UntrustedCode: Some of the files are such that tools may run unasked.
            SharingError: Whatever else `snapshot` raises.

        Example:
            >>> sorted(each.name for each in catalog.path("ml_team.iris_model@Champion").iterdir())
            ['MLmodel', 'weights.bin']
            >>> catalog.path("ml_team.iris_model@Champion", file="*.bin").name
            'weights.bin'
        """
        patterns = FilePatterns.of(include, exclude, file)
        snapshot = local_files(
            self, ref, patterns, progress=progress, verify=verify, trust_remote_code=trust_remote_code
        )
        return exporting.asked_path(snapshot, patterns)

    def plan_download(
        self,
        ref: str | ModelRef,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
        verify: bool = False,
        trust_remote_code: bool | None = None,
    ) -> DownloadPlan:
        """Plan what `path` or `download` would fetch, without fetching any file.

        Args:
            ref: `schema.model@alias` or `schema.model/3`.
            include: Patterns of the wanted files, as for `partial_snapshot`; None for all.
            exclude: Patterns of files to leave out.
            file: One file, or a pattern that matches one.
            verify: Hash what is in the cache already, too.
            trust_remote_code: As for `path`.

        Returns:
            The files with their sizes and digests, and how many bytes of each would be fetched; the others
            are in the cache, in files of this version or of others.

        Raises:
            NotFound: There is no such version, or it has no such files.
            SharingError: Whatever else `path` raises.

        Example:
            >>> plan = catalog.plan_download("ml_team.iris_model@Champion", file="MLmodel")
            >>> plan.size == plan.fetched + plan.reused
            True
        """
        patterns = FilePatterns.of(include, exclude, file)
        return background_loop.run(
            lambda: exporting.plan_download(
                self._shared, ref, patterns, verify=verify, trust_remote_code=trust_remote_code
            )
        )

    def download(
        self,
        ref: str | ModelRef,
        destination: str | Path,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
        progress: ShowProgress = None,
        verify: bool = False,
        trust_remote_code: bool | None = None,
    ) -> DownloadedVersion:
        """Copy a version's verified files to a folder, with their signature beside it in `<destination>.sig`.

        Args:
            ref: `schema.model@alias` or `schema.model/3`.
            destination: A folder that does not exist, or is empty.
            include: Patterns of the wanted files, as for `partial_snapshot`; None for all.
            exclude: Patterns of files to leave out.
            file: One file, or a pattern that matches one.
            progress: As for `snapshot`.
            verify: Hash what is in the cache already, too.
            trust_remote_code: True also takes files that tools may run unasked, such as `.envrc`; None does
                what the mount says.

        Returns:
            The version, the path, and how many bytes were fetched and reused.

        Raises:
            AlreadyExists: The destination, or its signature, is there. Nothing was touched.
            NotFound: There is no such version, or it has no such files.
            UntrustedCode: It has files that tools may run unasked.
            SharingError: Whatever else `snapshot` raises.

        Example:
            >>> catalog.download("ml_team.iris_model/1", "iris").path.name
            'iris'
        """
        patterns = FilePatterns.of(include, exclude, file)
        with open_display(progress) as display:
            counter = ProgressCounter(display.observer)
            version = background_loop.run(
                lambda: exporting.download(
                    self._shared,
                    ref,
                    Path(destination),
                    patterns,
                    counter,
                    verify=verify,
                    trust_remote_code=trust_remote_code,
                ),
                counter.phases,
                display.callback,
            )
            display.done(replace(counter.progress, reused=version.reused))
        return version

    def verify(
        self,
        ref: str | ModelRef,
        folder: str | Path,
        signature: str | Path | None = None,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        file: str | None = None,
    ) -> int:
        """Check a downloaded folder and its signature, without the provider.

        Args:
            ref: `schema.model/3`: the version that it should be, by its number.
            folder: What `download` wrote.
            signature: The signature's file; None for `<folder>.sig`.
            include: What `download` was given, if the folder is to hold some of the version's files alone.
            exclude: The same.
            file: The same.

        Returns:
            The number of its files.

        Raises:
            UntrustedSignature: Anything is not as it was signed.
            InvalidParameter: `ref` does not name a version by its number.

        Example:
            >>> _ = catalog.download("ml_team.iris_model/1", "checked")
            >>> catalog.verify("ml_team.iris_model/1", "checked")
            2
        """
        given = Path(signature) if signature else None
        return self._shared.verify(ref, Path(folder), given, FilePatterns.of(include, exclude, file))

    @property
    def _shared(self) -> SharedCatalog:
        """Asynchronous catalog behind this one, on the background loop: no other loop can use it."""
        return background_loop.shared_catalog(self._mount, self._settings)

    def _snapshot(self, ref: str | ModelRef, display: Display, *, verify: bool = False) -> Snapshot:
        counter = ProgressCounter(display.observer)
        return background_loop.run(
            lambda: self._shared.snapshot(ref, counter=counter, verify=verify),
            counter.phases,
            display.callback,
        )

    def _snapshot_to_load(self, ref: str | ModelRef, display: Display) -> Snapshot:
        counter = ProgressCounter(display.observer)
        return background_loop.run(
            lambda: self._shared.snapshot_to_load(ref, counter=counter), counter.phases, display.callback
        )


def local_files(
    catalog: CatalogFiles,
    ref: str | ModelRef,
    patterns: FilePatterns | None,
    *,
    progress: ShowProgress,
    verify: bool,
    trust_remote_code: bool | None,
) -> PartialSnapshot:
    """Get files of a version for another program; see `CatalogFiles.path`."""
    with open_display(progress) as display:
        counter = ProgressCounter(display.observer)
        snapshot = background_loop.run(
            lambda: exporting.local_files(
                catalog._shared,
                ref,
                patterns,
                counter,
                verify=verify,
                trust_remote_code=trust_remote_code,
            ),
            counter.phases,
            display.callback,
        )
        display.done(snapshot.progress)
    return snapshot
