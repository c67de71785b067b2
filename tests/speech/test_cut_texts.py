"""Whole texts, cut once: the clauses are those of the front end, the last ones are remembered."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.front_end.clause import SpokenClause
from trioaudio.core.front_end.front_end import FrontEnd, FrontEndOptions
from trioaudio.speech import cut_texts
from trioaudio.speech.cut_texts import REMEMBERED, CutTexts
from trioaudio.speech.script import Script

TEXT = "Dear Ms. Shah, your order no. 12 is here. It is 5 kg. Call us!"


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the texts that front ends are given from now on."""
    seen: list[str] = []

    class Noting(FrontEnd):
        def push(self, piece: str) -> list[SpokenClause]:
            seen.append(piece)
            return super().push(piece)

    monkeypatch.setattr(cut_texts, "FrontEnd", Noting)
    return seen


@given(st.text(max_size=80) | st.just(TEXT))
def test_the_clauses_are_those_the_front_end_makes(text: str) -> None:
    front_end = FrontEnd(FrontEndOptions())
    expected = [*front_end.push(text), *front_end.flush()]
    texts = CutTexts(FrontEndOptions())
    for _ in range(2):
        found = texts.cut(text, "en")
        assert found.push(text) == expected
        assert (found.hurry(), found.flush(), found.holds_text) == ([], [], False)
        assert found.characters == front_end.characters


def test_a_text_is_cut_once_for_each_language(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, texts = counted(monkeypatch), CutTexts(FrontEndOptions())
    for language in ("en", "hi", "en", None, "hi", None):
        texts.cut(TEXT, language)
    assert seen == [TEXT] * 3


def test_those_said_last_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, texts = counted(monkeypatch), CutTexts(FrontEndOptions())
    for number in range(REMEMBERED):
        texts.cut(f"text {number}", "en")
    texts.cut("text 0", "en")  # not the oldest any more
    texts.cut("one more", "en")
    seen.clear()
    texts.cut("text 0", "en")
    texts.cut("text 2", "en")
    assert seen == []
    texts.cut("text 1", "en")
    assert seen == ["text 1"]


async def test_who_takes_clauses_away_takes_them_from_nobody_else() -> None:
    await trio.lowlevel.checkpoint()
    texts = CutTexts(FrontEndOptions())
    first, second = (Script(texts.cut(TEXT, "en")) for _ in range(2))
    first.take_whole(TEXT)
    before = list(first.unspoken)
    first.speak_first(len(before))
    assert first.finished
    second.take_whole(TEXT)
    assert second.unspoken == before
    assert second.characters == len(TEXT)
