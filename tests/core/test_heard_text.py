"""What was heard, against speech whose words' true beginnings are known."""

from __future__ import annotations

import itertools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.heard_text import heard_characters, word_start_before, words_due
from trioaudio.core.speech import SpokenWord
from trioaudio.core.word_track import WordTrack

TEXT = "Your code, please, is 42 — thank you."
TOLD = [
    SpokenWord(0, 4, 0.0),
    SpokenWord(5, 4, 200.0),
    SpokenWord(11, 6, 600.0),
    SpokenWord(19, 2, 1100.0),
    SpokenWord(22, 2, 1300.0),  # forty
    SpokenWord(22, 2, 1500.0),  # two
    SpokenWord(27, 5, 2100.0),
    SpokenWord(33, 3, 2400.0),
]
AUDIO_MS = 2800.0


def heard(
    played_ms: float,
    words: list[SpokenWord] | None = None,
    audio_ms: float | None = AUDIO_MS,
    text: str = TEXT,
) -> str:
    track = WordTrack(TOLD if words is None else words)
    return text[: heard_characters(track, len(text), played_ms, audio_ms, text)]


@attrs.frozen
class Speech:
    """A text, its words, and when each is over."""

    text: str
    words: list[SpokenWord]
    audio_ms: float

    def edges(self) -> list[int]:
        """Return the places at which it may be cut: where a word begins, and the end."""
        return [each.start for each in self.words] + [len(self.text)]

    def words_heard(self, played_ms: float) -> int:
        """Return how many words were heard by half."""
        begins = [*(each.at_ms for each in self.words), self.audio_ms]
        return sum(played_ms >= sum(pair) / 2 for pair in itertools.pairwise(begins))


@st.composite
def speeches(draw: st.DrawFn) -> Speech:
    spoken = draw(
        st.lists(
            st.tuples(
                st.text("abcdeनमé4", min_size=1, max_size=9),
                st.sampled_from([" ", ", ", ". ", " — ", "?\n"]),
                st.integers(120, 700),
            ),
            min_size=1,
            max_size=12,
        )
    )
    text, words, at_ms = "", [], 0.0
    for word, after, ms in spoken:
        words.append(SpokenWord(len(text), len(word), at_ms))
        text += word + after
        at_ms += ms
    return Speech(text, words, at_ms)


def test_nothing_played_is_nothing_heard_and_all_of_it_is_everything() -> None:
    assert [heard(ms) for ms in (-5, 0, AUDIO_MS, 9e9)] == ["", "", TEXT, TEXT]
    assert heard(500, [], 500.0) == TEXT
    assert heard_characters(WordTrack(), 0, 100, None, "") == 0


@pytest.mark.parametrize(
    ("played_ms", "text"),
    [
        (99, ""),
        (101, "Your "),
        (399, "Your "),
        (401, "Your code, "),
        (1250, "Your code, please, is "),
        (1650, "Your code, please, is "),
        (1750, "Your code, please, is 42 — "),
        (2300, "Your code, please, is 42 — thank "),
        (2700, TEXT),
    ],
)
def test_a_word_was_heard_when_half_of_it_was(played_ms: float, text: str) -> None:
    assert heard(played_ms) == text


def test_before_the_first_word_there_is_silence() -> None:
    late = [attrs.evolve(each, at_ms=each.at_ms + 500) for each in TOLD]
    assert heard(450, late, AUDIO_MS + 500) == ""
    assert heard(650, late, AUDIO_MS + 500) == "Your "


def test_words_that_begin_at_one_moment_share_its_time() -> None:
    words = [SpokenWord(0, 4, 0), SpokenWord(5, 4, 200), SpokenWord(11, 6, 200), TOLD[3]]
    assert heard(400, words) == "Your code, "
    assert heard(900, words) == "Your code, please, "


def test_a_word_nobody_told_of_is_found_between_its_neighbours() -> None:
    words = [SpokenWord(0, 4, 0), TOLD[3]]
    assert heard(450, words) == "Your "
    assert heard(700, words) == "Your code, "
    assert heard(1000, words) == "Your code, please, "


def test_what_is_behind_the_last_word_told_is_estimated() -> None:
    told = TOLD[:4]
    # All the audio is there: what is left of the text takes what is left of it.
    assert heard(1700, told) == "Your code, please, is 42 — "
    # It is not: the pace is that of the words before, 19 characters in 1100 ms; too few to tell.
    assert heard(1700, told, None) == "Your code, please, is 42 — "
    # 27 characters in 2100 ms say how fast it is.
    assert heard(2450, TOLD[:7], None) == "Your code, please, is 42 — thank "
    assert heard(9000, TOLD[:7], None) == TEXT


def test_an_engine_without_words_is_estimated_by_the_length_of_its_audio() -> None:
    text = "one two three four five six"
    assert heard(500, [], 1000.0, text) == "one two three "
    assert heard(500, [], None, text) == "one two "
    assert heard(60_000, [], None, text) == text
    assert heard(500, [], None, "") == ""


def test_signs_without_spaces_are_cut_one_by_one() -> None:
    text = "您的订单已发货。请注意查收。"
    assert heard(400, [], None, text) == "您的"
    assert heard(190 * 7.6, [], None, text) == "您的订单已发货。"
    assert heard(1000, [], 2000.0, text) == "您的订单已发货。"
    assert heard(65 * 8, [], None, "iPhone 手机") == "iPhone 手"


def test_a_text_that_is_not_at_hand_is_cut_at_the_words_told() -> None:
    track = WordTrack(TOLD)
    assert heard_characters(track, len(TEXT), 500, AUDIO_MS, "") == 5
    assert heard_characters(track, len(TEXT), 2500, None, "") == 33


def test_text_of_signs_alone_is_left_out() -> None:
    assert heard(500, [], 1000.0, "... --- ...") == ""
    assert heard(200, [], 1000.0, "... well") == ""


def test_a_long_text_is_only_looked_at_where_it_is_cut() -> None:
    text = "word " * 4000
    half = heard(500_000, [], 1_000_000.0, text)
    assert abs(len(half) - 10_000) <= 5
    assert half.endswith("word ")
    endless = "x" * 5000
    assert len(heard(125_000, [], 250_000.0, endless)) == pytest.approx(2500, abs=201)


@given(speeches(), st.lists(st.integers(-100, 9000), min_size=2, max_size=8))
def test_more_played_is_never_less_heard(speech: Speech, moments: list[int]) -> None:
    for words in (speech.words, speech.words[::2], speech.words[:1], []):
        for audio_ms in (speech.audio_ms, None):
            counts = [
                len(heard(ms, words, audio_ms, speech.text)) for ms in sorted({*moments, 100_000})
            ]
            assert counts == sorted(counts)
            assert counts[-1] == len(speech.text)


@given(speeches(), st.integers(1, 9000))
def test_exact_words_give_the_exact_cut(speech: Speech, played_ms: int) -> None:
    edges = [0, *speech.edges()[1:]]
    count = speech.words_heard(min(played_ms, speech.audio_ms))
    begins = [*(each.at_ms for each in speech.words), speech.audio_ms]
    halves = [sum(pair) / 2 for pair in itertools.pairwise(begins)][:-1]
    if played_ms >= begins[-2] or any(abs(played_ms - half) < 1 for half in halves):
        return  # the last word's end is an estimate
    assert len(heard(played_ms, speech.words, speech.audio_ms, speech.text)) == edges[count]


@given(speeches(), st.integers(1, 9000), st.lists(st.floats(-59, 59), min_size=12, max_size=12))
def test_jittered_words_are_never_wrong_by_more_than_one(
    speech: Speech, played_ms: int, jitter: list[float]
) -> None:
    told = [
        attrs.evolve(word, at_ms=max(0.0, word.at_ms + off))
        for word, off in zip(speech.words, jitter, strict=False)
    ]
    edges = [0, *speech.edges()[1:]]
    place = len(heard(played_ms, told[::-1], speech.audio_ms, speech.text))
    assert place in edges
    assert abs(edges.index(place) - speech.words_heard(played_ms)) <= 1


@given(speeches(), st.integers(0, 12), st.integers(1, 9000), st.floats(0, 9000))
def test_one_word_told_wrongly_shifts_the_cut_by_one(
    speech: Speech, which: int, played_ms: int, at_ms: float
) -> None:
    which %= len(speech.words)
    told = [*speech.words]
    told[which] = attrs.evolve(told[which], at_ms=min(at_ms, speech.audio_ms))
    edges = [0, *speech.edges()[1:]]
    place = len(heard(played_ms, told, speech.audio_ms, speech.text))
    assert abs(edges.index(place) - speech.words_heard(played_ms)) <= 1


# --- Going on ----------------------------------------------------------------------------


def test_speech_goes_on_from_the_beginning_of_the_word_that_was_cut() -> None:
    track = WordTrack(TOLD)
    assert [word_start_before(track, ms) for ms in (0, 150, 200, 279, 599)] == [0, 0, 200, 200, 200]
    assert word_start_before(track, 1600) == 1300, "a number is said again as a whole"


def test_speech_goes_on_in_the_pause_where_it_was_cut() -> None:
    track = WordTrack([SpokenWord(0, 3, 100.0), SpokenWord(5, 2, 2000.0)])
    assert word_start_before(track, 50) == 50
    assert word_start_before(track, 640) == 100
    assert word_start_before(track, 660) == 660
    assert word_start_before(track, 1999) == 1999
    assert word_start_before(track, 9000) == 9000
    assert word_start_before(WordTrack(), 123.0) == 123.0


@given(speeches(), st.integers(0, 9000))
def test_one_word_is_repeated_at_most_and_none_is_skipped(speech: Speech, cut_ms: int) -> None:
    from_ms = word_start_before(WordTrack(speech.words), cut_ms)
    assert from_ms <= cut_ms
    assert sum(from_ms <= word.at_ms < cut_ms for word in speech.words) <= 1


# --- Telling ------------------------------------------------------------------------------


def test_words_are_due_when_they_begin() -> None:
    track = WordTrack(TOLD)
    assert words_due(track, 0, 200) == TOLD[:1]
    assert words_due(track, 200, 601) == TOLD[1:3]
    assert words_due(track, 1300, 1600) == [TOLD[4]], "a number is one word"
    assert words_due(track, 5000, 9000) == []


@given(speeches(), st.lists(st.floats(0, 9000), max_size=8))
def test_stretches_that_join_tell_each_word_once(speech: Speech, cuts: list[float]) -> None:
    track = WordTrack(speech.words)
    edges = [0.0, *sorted(cuts), 10_000.0]
    told = [word for pair in itertools.pairwise(edges) for word in words_due(track, *pair)]
    assert told == speech.words
