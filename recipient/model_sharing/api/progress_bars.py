"""Progress bars in a terminal for one download."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.filesize import decimal
from rich.progress import TaskID, TextColumn

from model_sharing.downloads.plan import Plan
from model_sharing_protocol.console.progress_bar import transfer_progress
from model_sharing_protocol.manifest import ManifestFile


class DownloadBars:
    """Progress bars with bytes, rate and time left: one for each large file on its way, one for everything.

    They appear only when something is fetched. The last one counts what has to be; a file's, all of it.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._bar = transfer_progress(TextColumn("{task.fields[files]}", markup=False), console=console)
        self._lock = threading.Lock()
        self._files = 0
        self._done = 0
        self._size = 0
        self._reused = 0
        self._rows: dict[ManifestFile, TaskID] = {}
        self._task = self._bar.add_task("fetching", total=None, files="", start=False)

    def begin(self, plan: Plan) -> None:
        """Show the bars, for what the plan has to fetch."""
        self._files = len(plan.missing)
        if plan.reused_files:
            self._bar.console.print(
                f"{plan.reused_files} of {len(plan.manifest.files)} files are here already.", highlight=False
            )
        self._size = plan.size
        self._show()
        self._bar.start()
        self._bar.start_task(self._task)

    def advance(self, size: int, file: ManifestFile | None = None) -> None:
        """Advance the bars by bytes that arrived."""
        self._bar.advance(self._task, size)
        if file is not None:
            self._bar.advance(self._row(file), size)

    def reused(self, size: int, file: ManifestFile) -> None:
        """Advance a large file's bar by bytes that were in the cache."""
        row = self._row(file)
        with self._lock:
            self._reused += size
            self._show()
        self._bar.advance(row, size)

    def file_done(self, file: ManifestFile | None = None) -> None:
        """Count a file, and remove its bar."""
        with self._lock:
            self._done += 1
            self._show()
            if file in self._rows:
                self._bar.remove_task(self._rows.pop(file))

    def end(self) -> None:
        """Stop drawing."""
        self._bar.stop()

    def _row(self, file: ManifestFile) -> TaskID:
        with self._lock:
            if file not in self._rows:
                self._rows[file] = self._bar.add_task(file.path, total=file.size, files="")
            return self._rows[file]

    def _show(self) -> None:
        here = f", {decimal(self._reused)} were here" if self._reused else ""
        files = f"{self._done}/{self._files} files{here}"
        self._bar.update(self._task, total=self._size - self._reused, files=files)
