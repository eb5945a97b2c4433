"""Opening of a replica: a database that takes no changes, and the secrets and keys of its home.

Nothing is created: what a first start creates, the home has, and the replica is given.
"""

from __future__ import annotations

from model_sharing_protocol.errors import InvalidParameter, InvalidState
from model_sharing_provider.bootstrap.startup import PEPPER_CHECK
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.domain.replicas import ReplicaPolicy
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.keys.signing_keys import SigningKeys
from model_sharing_provider.metastore.database import Database, open_replica


async def open_replica_database(settings: Settings) -> Database:
    """Open the replica of the settings. Raises InvalidParameter for what is missing in them."""
    if not settings.postgresql_url or not settings.home_database_url:
        raise InvalidParameter(
            "A replica needs MODEL_SHARING_PROVIDER_DATABASE_URL, of the replica, and "
            "MODEL_SHARING_PROVIDER_HOME_DATABASE_URL, to which its audit events go."
        )
    for path in (settings.secrets_path, settings.signing_keys_path):
        if not path.exists():
            raise InvalidParameter(f"{path} does not exist: a replica needs the home's, in the same files.")
    policy = ReplicaPolicy(settings.replica_of, settings.replica_max_staleness)
    return await open_replica(settings.database_url, settings.database_connections, policy)


async def read_identity(
    settings: Settings, database: Database
) -> tuple[ServerSecrets, SigningKeys, Principal]:
    """Secrets, signing keys and the first administrator. Raises InvalidState for those of another home."""
    secrets = ServerSecrets(settings.secrets_path)
    keys = SigningKeys(settings.signing_keys_path, create=False)
    async with database.read() as rows:
        peppers, known = await rows.peppers.known(), await rows.signing_keys.known()
        administrator = await rows.principals.find_administrator()
    if administrator is None or peppers.isdisjoint(secrets.hashes(PEPPER_CHECK)):
        raise _foreign(settings, "secrets", str(settings.secrets_path))
    if not keys.endorsed_by(known):
        raise _foreign(settings, "keys", str(settings.signing_keys_path))
    return secrets, keys, administrator


def _foreign(settings: Settings, what: str, path: str) -> InvalidState:
    return InvalidState(
        f"The {what} in {path} are not those of {settings.database_shown}: use the same file as the home."
    )
