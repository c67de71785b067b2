from __future__ import annotations

import attrs
import pytest

from trioaudio.core.speech import (
    FLUSH,
    EngineChanged,
    FlushText,
    SpokenWord,
    Stretch,
    WholeText,
)


async def test_a_whole_text_is_one_piece() -> None:
    text = WholeText("Good morning.")
    assert text.__aiter__() is text
    assert [piece async for piece in text] == ["Good morning."]
    assert [piece async for piece in text] == [], "it is given once"
    assert text.text == "Good morning.", "and can still be read: prompts are found by it"


async def test_an_empty_text_is_a_piece_as_well() -> None:
    assert [piece async for piece in WholeText("")] == [""]


def test_two_whole_texts_are_two_utterances() -> None:
    one, other = WholeText("x"), WholeText("x")
    assert one != other, "each is used up by itself"


def test_news_is_frozen_and_compared_by_what_it_says() -> None:
    assert SpokenWord(0, 4, 12.5) == SpokenWord(0, 4, 12.5, estimated=False)
    assert Stretch("a", 0, 4, 100.0) != Stretch("a", 0, 4, 100.0, cached=True)
    change = EngineChanged("a", "b", "c")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        change.failed = "b"  # type: ignore[misc]


def test_a_flush_is_nothing_to_who_only_reads_text() -> None:
    assert "".join(["Hel", "lo", FLUSH, " there"]) == "Hello there"
    assert not FLUSH
    assert isinstance(FLUSH, FlushText)
    assert not isinstance("", FlushText)
