"""The tone: what goes in can be read out, at every rate and after a telephone."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio.core.g711 import Law, compress, expand
from trioaudio.core.resampling import Resampler
from trioaudio.simulators.services.tone import (
    CHARACTER_SECONDS,
    OWNERS,
    Heard,
    make_tone,
    owner_of,
    read_tone,
    tone_words,
)

ALL = (
    string.ascii_uppercase
    + string.digits
    + string.punctuation.translate(str.maketrans("", "", "`{|}~"))
    + " "
)


def text_of(heard: list[Heard]) -> str:
    return "".join(each.character for each in heard)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_every_character_is_read_back(rate: int) -> None:
    pcm = make_tone(ALL, 3, rate)
    heard = read_tone(pcm, rate)
    assert text_of(heard) == ALL
    assert {each.owner for each in heard} == {3}
    assert len(pcm) == 2 * round(len(ALL) * CHARACTER_SECONDS * rate)


@given(st.text(st.sampled_from(ALL), min_size=1, max_size=20), st.integers(0, OWNERS - 1))
@settings(max_examples=50, deadline=None)
def test_any_owner_is_read_back(text: str, owner: int) -> None:
    assert read_tone(make_tone(text, owner, 8000), 8000) == [Heard(owner, each) for each in text]


@pytest.mark.parametrize("law", list(Law))
def test_it_survives_a_telephone(law: Law) -> None:
    down = Resampler(24000, 8000)
    pcm = make_tone(ALL, 29, 24000)
    narrow = down.push(pcm) + down.flush()
    heard = read_tone(expand(compress(narrow, law), law), 8000)
    assert text_of(heard) == ALL
    assert {each.owner for each in heard} == {29}


def test_it_can_be_made_in_parts() -> None:
    parts = [make_tone(ALL[n : n + 7], 1, 22050, n) for n in range(0, len(ALL), 7)]
    assert b"".join(parts) == make_tone(ALL, 1, 22050)


def test_lower_case_is_heard_as_upper_case() -> None:
    assert text_of(read_tone(make_tone("a b", 0, 8000), 8000)) == "A B"


def test_words_are_where_they_are_heard() -> None:
    words = tone_words(" Hi, hi you")
    assert [each.text for each in words] == ["Hi,", "hi", "you"]
    assert [each.start / CHARACTER_SECONDS for each in words] == pytest.approx([1, 5, 8])
    assert [each.end / CHARACTER_SECONDS for each in words] == pytest.approx([4, 7, 11])


def test_silence_says_nothing() -> None:
    assert read_tone(bytes(8000), 8000) == []
    assert read_tone(make_tone("A", 0, 8000)[:-2], 8000) == []


def test_owners_differ_and_nothing_is_clipped() -> None:
    assert len({owner_of(f"context {n}") for n in range(200)}) == OWNERS
    assert np.abs(np.frombuffer(make_tone(ALL, 0, 8000), "<i2")).max() < 12001
