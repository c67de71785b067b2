"""Each test has a folder of its own, in which the command runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from system.processes import Runner


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    folder = tmp_path / "run"
    folder.mkdir()
    made = Runner(folder)
    yield made
    made.close()
