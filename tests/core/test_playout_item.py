from typing import get_args

import attrs
import pytest

from trioaudio.core.carrier import HangUp
from trioaudio.core.playout_item import Action, Audio, Mark, PlayoutItem, UtteranceEnd

ITEMS: list[PlayoutItem] = [
    Audio(generation=3, utterance=1, ready_at=1.5, frames=1, payload=b"\0\0"),
    UtteranceEnd(generation=3, utterance=1),
    Mark(generation=3, name="end"),
    Action(generation=3, command=HangUp()),
]


def test_the_union_is_complete() -> None:
    assert {type(item) for item in ITEMS} == set(get_args(PlayoutItem))


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: type(item).__name__)
def test_every_item_has_a_generation_and_is_nothing_but_itself(item: PlayoutItem) -> None:
    assert item.generation == 3
    assert item != attrs.evolve(item)  # two equal frames of silence are two frames
    assert not hasattr(item, "__dict__")
