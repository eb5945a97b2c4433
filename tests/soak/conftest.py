"""Stories that take minutes: hundreds of kills. `make soak` runs them; plain `pytest` does not see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from model_sharing.api import blocking


@pytest.fixture(autouse=True)
def recipient_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    home = tmp_path / "recipient-home"
    monkeypatch.setenv("MODEL_SHARING_HOME", str(home))
    yield home
    blocking.close()
