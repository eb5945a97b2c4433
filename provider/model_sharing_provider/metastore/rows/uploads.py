"""Rows of files and parts uploaded for versions that are not READY yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, delete, insert, select

from model_sharing_provider.domain.uploads import UploadedFile, UploadedPart, UploadSession
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import upload_sessions, uploaded_files, uploaded_parts


class UploadRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put_file(self, version_id: str, file: UploadedFile, now: int) -> str | None:
        """Record an uploaded file; return the staged path of the file that it replaces, if any."""
        replaced = await self.remove_file(version_id, file.path)
        await self.add_files(version_id, [file], now)
        return replaced

    async def remove_file(self, version_id: str, path: str) -> str | None:
        """Delete a file's row; return the staged path of its bytes, or None."""
        result = await self._connection.execute(
            delete(uploaded_files)
            .where(uploaded_files.c.version_id == version_id, uploaded_files.c.path == path)
            .returning(uploaded_files.c.staged)
        )
        return result.scalar_one_or_none()

    async def add_files(self, version_id: str, files: Iterable[UploadedFile], now: int) -> None:
        """Add files of a version that has none at these paths."""
        values = [
            {
                "version_id": version_id,
                "path": file.path,
                "staged": file.staged,
                "size": file.size,
                "sha256": file.sha256,
                "chunk_map": file.chunk_map,
                "uploaded_at": now,
            }
            for file in files
        ]
        if values:
            await self._connection.execute(insert(uploaded_files), values)

    async def find_file(self, version_id: str, path: str) -> UploadedFile | None:
        query = select(uploaded_files).where(
            uploaded_files.c.version_id == version_id, uploaded_files.c.path == path
        )
        row = (await self._connection.execute(query)).one_or_none()
        return _file(row) if row else None

    async def files(self, version_id: str) -> list[UploadedFile]:
        query = select(uploaded_files).where(uploaded_files.c.version_id == version_id)
        rows = await self._connection.execute(query.order_by(uploaded_files.c.path))
        return [_file(row) for row in rows]

    async def add_session(self, session: UploadSession) -> None:
        await self._connection.execute(
            insert(upload_sessions).values(
                id=session.id,
                version_id=session.version_id,
                principal_id=session.principal_id,
                path=session.path,
                overwrite=session.overwrite,
            )
        )

    async def find_session(
        self, session_id: str, *, version_id: str, principal_id: str
    ) -> UploadSession | None:
        """Session that this principal began for this version; None for a missing one or another's."""
        query = select(upload_sessions).where(
            upload_sessions.c.id == session_id,
            upload_sessions.c.version_id == version_id,
            upload_sessions.c.principal_id == principal_id,
        )
        row = (await self._connection.execute(query)).one_or_none()
        return UploadSession(**row._mapping) if row else None

    async def sessions_of(self, version_id: str, principal_id: str) -> list[UploadSession]:
        """Sessions that this principal began for this version."""
        query = select(upload_sessions).where(
            upload_sessions.c.version_id == version_id, upload_sessions.c.principal_id == principal_id
        )
        rows = await self._connection.execute(query.order_by(upload_sessions.c.path, upload_sessions.c.id))
        return [UploadSession(**row._mapping) for row in rows]

    async def parts_of(self, version_id: str) -> dict[str, list[UploadedPart]]:
        """Uploaded parts of a version by their sessions, in order."""
        query = select(uploaded_parts).where(uploaded_parts.c.version_id == version_id)
        found: dict[str, list[UploadedPart]] = {}
        for row in await self._connection.execute(query.order_by(uploaded_parts.c.number)):
            part = UploadedPart(row.number, row.staged, row.size, row.sha256)
            found.setdefault(row.session_id, []).append(part)
        return found

    async def put_part(self, session: UploadSession, part: UploadedPart) -> str | None:
        """Record a part; return the staged path of the part that it replaces, if any."""
        result = await self._connection.execute(
            delete(uploaded_parts)
            .where(uploaded_parts.c.session_id == session.id, uploaded_parts.c.number == part.number)
            .returning(uploaded_parts.c.staged)
        )
        replaced = result.scalar_one_or_none()
        await self._connection.execute(
            insert(uploaded_parts).values(
                session_id=session.id,
                number=part.number,
                version_id=session.version_id,
                staged=part.staged,
                size=part.size,
                sha256=part.sha256,
            )
        )
        return replaced

    async def parts(self, session: UploadSession) -> list[UploadedPart]:
        """Uploaded parts of one file of a version, by number."""
        query = select(uploaded_parts).where(uploaded_parts.c.session_id == session.id)
        rows = await self._connection.execute(query.order_by(uploaded_parts.c.number))
        return [UploadedPart(row.number, row.staged, row.size, row.sha256) for row in rows]

    async def forget_session(self, session: UploadSession) -> None:
        await self._connection.execute(
            delete(uploaded_parts).where(uploaded_parts.c.session_id == session.id)
        )
        await self._connection.execute(delete(upload_sessions).where(upload_sessions.c.id == session.id))

    async def forget(self, version_id: str) -> None:
        """Delete the uploads of a version that is READY or has failed."""
        for table in (uploaded_files, uploaded_parts, upload_sessions):
            await self._connection.execute(delete(table).where(table.c.version_id == version_id))


def _file(row: Row[Any]) -> UploadedFile:
    return UploadedFile(row.path, row.staged, row.size, row.sha256, row.chunk_map)
