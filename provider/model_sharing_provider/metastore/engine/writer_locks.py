"""Advisory locks of writers over PostgreSQL, which end with the transaction.

There are two levels. A change of one model takes the metastore's lock SHARED, and the model's lock: changes
of other models go on meanwhile. Any other change takes the metastore's lock EXCLUSIVE. Whoever waits for it
is ahead of those that come later, so that a stream of changes of models cannot keep it waiting.

Every writer takes its locks by the first statement of its transaction, the metastore's before the model's,
and READ COMMITTED lets the next statements see all that others committed before. Nobody waits for the
metastore's lock while holding a model's. After its locks, a change of a model writes rows of this model
alone, and at its end the row of the metastore that counts changes: whoever has that waits for nothing. So
there are no deadlocks. Earlier releases took the same lock of the metastore, always EXCLUSIVE: servers of
both releases exclude each other during an upgrade.
"""

from __future__ import annotations

from hashlib import blake2b

_METASTORE = 8642
_OF_MODELS = 8642
"""Class of the locks of models: PostgreSQL keeps locks of two numbers apart from those of one."""
# An idle writer loses its turn.
_TIMEOUT = "set_config('idle_in_transaction_session_timeout', '60s', true)"

LOCK_METASTORE = f"SELECT pg_advisory_xact_lock({_METASTORE})"
_CHANGE_METASTORE = f"SELECT {_TIMEOUT}, pg_advisory_xact_lock({_METASTORE})"


def begin_change(model: str | None) -> str:
    """SQL statement that takes the locks of a change: of one model, by its full name, or of any rows."""
    if model is None:
        return _CHANGE_METASTORE
    return (
        f"SELECT {_TIMEOUT}, pg_advisory_xact_lock_shared({_METASTORE}), "
        f"pg_advisory_xact_lock({_OF_MODELS}, {model_key(model)})"
    )


def model_key(model: str) -> int:
    """Number of a model's lock; two models with the same number wait for each other, which does no harm."""
    return int.from_bytes(blake2b(model.lower().encode(), digest_size=4).digest(), signed=True)
