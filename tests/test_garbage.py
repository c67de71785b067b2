from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from trioaudio.garbage import MIDDLE, NEVER, YOUNG, settle


@pytest.fixture
def as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_start_up_made_is_kept_out_of_collections(as_before: None) -> None:
    class Knot:
        """Refers to itself: only a collection finds it."""

    knot = Knot()
    knot.myself = knot  # type: ignore[attr-defined]
    del knot
    gc.unfreeze()
    settle()
    assert not [each for each in gc.get_objects() if isinstance(each, Knot)]
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold() == (YOUNG, MIDDLE, NEVER)
