from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.speech import SpokenWord
from trioaudio.core.word_track import WordTrack

WORDS = [SpokenWord(0, 5, 0.0), SpokenWord(6, 3, 300.0), SpokenWord(10, 4, 550.5, estimated=True)]
A_WORD = st.builds(
    SpokenWord, st.integers(0, 500), st.integers(1, 20), st.floats(0, 60_000), st.booleans()
)


def told(track: WordTrack) -> list[SpokenWord]:
    return [track.at(number) for number in range(len(track))]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_words_are_in_order_however_they_came(order: tuple[int, ...]) -> None:
    track = WordTrack(WORDS[each] for each in order)
    assert told(track) == WORDS
    assert [track.start(each) for each in range(3)] == [0, 6, 10]
    assert [track.time(each) for each in range(3)] == [0.0, 300.0, 550.5]


def test_a_word_told_at_another_ones_time_shifts_nothing_else() -> None:
    track = WordTrack([WORDS[0], SpokenWord(6, 3, 550.5), SpokenWord(10, 4, 300.0, estimated=True)])
    assert told(track) == WORDS


@given(st.lists(A_WORD, max_size=60))
def test_places_and_moments_never_go_back(words: list[SpokenWord]) -> None:
    track = WordTrack(words)
    assert len(track) == len(words)
    assert [track.start(each) for each in range(len(track))] == sorted(w.start for w in words)
    assert [track.time(each) for each in range(len(track))] == sorted(w.at_ms for w in words)
    assert sorted((w.start, w.length, w.estimated) for w in words) == sorted(
        (w.start, w.length, w.estimated) for w in told(track)
    )


def test_what_stands_for_nothing_is_no_word() -> None:
    assert len(WordTrack([SpokenWord(3, 0, 10.0)])) == 0
    assert told(WordTrack([SpokenWord(-3, 2, -10.0)])) == [SpokenWord(0, 2, 0.0)]


def test_a_word_begins_with_its_moment() -> None:
    track = WordTrack(WORDS)
    assert [track.begun(ms) for ms in (-1, 0, 299.9, 300, 1e9)] == [0, 1, 1, 2, 3]
    assert [track.begun_before(ms) for ms in (0, 300, 300.1, 1e9)] == [0, 1, 2, 3]


def test_words_of_one_number_or_one_moment_belong_together() -> None:
    track = WordTrack(
        [
            SpokenWord(0, 4, 0),
            SpokenWord(5, 2, 100),
            SpokenWord(5, 2, 400),
            SpokenWord(8, 3, 400),
            SpokenWord(12, 3, 900),
        ]
    )
    assert [track.repeats(each) for each in range(5)] == [False, False, True, False, False]
    assert [track.together(each) for each in range(5)] == [(0, 1), (1, 4), (1, 4), (1, 4), (4, 5)]


def test_ten_minutes_of_words_are_small() -> None:
    track = WordTrack(SpokenWord(each * 6, 5, each * 333.3) for each in range(3 * 600))
    assert track.held_bytes == 17 * 1800
    assert track.held_bytes < 32_000


def test_there_is_no_word_behind_the_last() -> None:
    with pytest.raises(IndexError):
        WordTrack(WORDS).at(3)
