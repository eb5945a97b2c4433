"""Startup: a home, secrets, keys and an administrator, created at the first start and checked at each.

A database needs the secrets that its tokens are hashed with, so it stores a hash of each. A server with other
secrets, or with none for a database that has been in use, does not start: it would recognize no recipient's
token. The same holds for the signing keys: recipients would reject its signatures.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from filelock import FileLock

from model_sharing_protocol.errors import InvalidState, SharingError
from model_sharing_protocol.times import now_ms
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.principals import AccessToken, Principal, PrincipalType
from model_sharing_provider.domain.secrets import new_token
from model_sharing_provider.keys import server_secrets
from model_sharing_provider.keys.private_files import write_private
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.keys.signing_keys import SigningKeys
from model_sharing_provider.metastore.database import Database

Announce = Callable[[str], None]
PEPPER_CHECK = "which pepper is this"


def create_home(settings: Settings) -> None:
    """Create the provider's home. Raises SharingError if that fails."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SharingError(
            f"The provider's home {settings.home} cannot be created: {error.strerror}."
        ) from error


async def ensure_secrets(settings: Settings, database: Database) -> ServerSecrets:
    """Secrets of the database, created if nothing was ever hashed with others.

    Raises InvalidState for secrets that are missing or belong to another database.
    """
    path = settings.secrets_path
    if settings.secrets_file is None and not path.exists():
        with FileLock(f"{path}.lock"):
            if not path.exists():
                async with database.read() as rows:
                    if await rows.peppers.known():
                        raise InvalidState(
                            f"The database {settings.database_shown} has been in use, and {path} is missing: "
                            "no token would be recognized. Copy it from another server or a backup, or "
                            "name it in MODEL_SHARING_PROVIDER_SECRETS_FILE; signing-keys.json goes with it."
                        )
                server_secrets.create(path)
    secrets = ServerSecrets(path)
    await _check_peppers(settings, database, secrets)
    return secrets


async def _check_peppers(settings: Settings, database: Database, secrets: ServerSecrets) -> None:
    checks = set(secrets.hashes(PEPPER_CHECK))
    async with database.read() as rows:
        known = await rows.peppers.known()
    if checks <= known:
        return
    async with database.write() as rows:
        # Another process may have been faster between the two looks.
        known = await rows.peppers.known()
        if known and known.isdisjoint(checks):
            raise InvalidState(
                f"The secrets in {settings.secrets_path} are not those of {settings.database_shown}: "
                "no token would be recognized. Use the same file as the database's other servers."
            )
        await rows.peppers.remember(checks - known)


async def ensure_signing_keys(settings: Settings, database: Database, *, lost: bool = False) -> SigningKeys:
    """Signing keys of the database, created if nothing was ever signed with others.

    With `lost`, any existing or new keys are accepted. Raises InvalidState for keys that are missing, or not
    endorsed by the database's own.
    """
    path, mounted = settings.signing_keys_path, settings.signing_keys_file is not None
    async with database.read() as rows:
        in_use = bool(await rows.signing_keys.known())
    if in_use and not lost and not mounted and not path.exists():
        raise InvalidState(
            f"The database {settings.database_shown} has been in use, but {path} is missing: recipients "
            "trust no other keys. Copy it from another server or a backup, or name it in "
            "MODEL_SHARING_PROVIDER_SIGNING_KEYS_FILE. If it is permanently lost: "
            "model-sharing-provider key start-over."
        )
    keys = SigningKeys(path, create=not mounted)
    if not lost:
        await _check_keys(settings, database, keys)
    return keys


async def _check_keys(settings: Settings, database: Database, keys: SigningKeys) -> None:
    async with database.read() as rows:
        known = await rows.signing_keys.known()
    if not known.issuperset(keys.fingerprints):
        async with database.write() as rows:
            # Another process may have been faster between the two looks.
            known = await rows.signing_keys.known()
            if not known or keys.endorsed_by(known):
                await rows.signing_keys.remember(keys.fingerprints)
                return
    if not keys.endorsed_by(known):
        if keys.created:
            settings.signing_keys_path.unlink()
        raise InvalidState(
            f"The keys in {settings.signing_keys_path} do not belong to {settings.database_shown}: "
            "recipients trust no others. Use the same file as the database's other servers, or one from a "
            "backup. If it is permanently lost: model-sharing-provider key start-over."
        )


async def ensure_administrator(
    database: Database, secrets: ServerSecrets, settings: Settings, announce: Announce
) -> Principal:
    """Find the metastore's first administrator, or create it with a token."""
    async with database.read() as rows:
        administrator = await rows.principals.find_administrator()
    if administrator is not None:
        return administrator
    async with database.write() as rows:
        # Another process may have been faster between the two looks.
        administrator = await rows.principals.find_administrator()
        if administrator is None:
            administrator = Principal(PrincipalType.ADMIN, str(uuid4()), "admin")
            token = new_token()
            now = now_ms()
            await rows.principals.add(administrator, now)
            kept = AccessToken(id=str(uuid4()), comment="admin.token", expires_at=None, created_at=now)
            await rows.principals.add_token(kept, administrator.id, secrets.hash(token))
            write_private(settings.admin_token_path, token.encode())
            _announce_first_start(settings, announce)
    return administrator


def _announce_first_start(settings: Settings, announce: Announce) -> None:
    announce(f"First start: created the provider's home in {settings.home}")
    announce(f"  database   {settings.database_shown}")
    announce(f"  artifacts  {settings.artifact_root_url}")
    announce(f"  secrets    {settings.secrets_path} (back it up: tokens cannot be recognized without it)")
    announce(f"  keys       {settings.signing_keys_path} (back it up: recipients trust no other signature)")
    announce(f"  admin      {settings.admin_token_path} (an administrator's token; keep it private)")
