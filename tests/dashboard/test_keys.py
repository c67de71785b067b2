"""Keys, however the bytes that spell them are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.dashboard.keys import MOST_PASTED, Key, KeyReader

WHOLE = (
    "aé\x1b[A\x1bOB\x1b[5~\x1b[200~q\nh\x1b[31my\x1b[201~\r\x7f\x1b[1;5C\x1bxz\x1b\x1b[Dन\x00\x15"
).encode()
KEYS = [
    Key("text", "a"),
    Key("text", "é"),
    Key("up"),
    Key("down"),
    Key("page-up"),
    Key("pasted", "q\nh\x1b[31my"),
    Key("enter"),
    Key("backspace"),
    Key("text", "z"),
    Key("escape"),
    Key("left"),
    Key("text", "न"),
    Key("erase-line"),
]


@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_any_cutting_gives_the_same_keys(cuts: list[int]) -> None:
    reader, keys = KeyReader(), list[Key]()
    places = [0, *sorted(cuts), len(WHOLE)]
    for begin, end in pairwise(places):
        keys += reader.feed(WHOLE[begin:end])
    assert keys == KEYS
    assert not reader.unsure


def test_an_escape_alone_is_a_key_when_nothing_follows() -> None:
    reader = KeyReader()
    assert reader.feed(b"\x1b") == []
    assert reader.unsure
    assert reader.give_up() == [Key("escape")]
    assert reader.give_up() == []
    assert reader.feed(b"\x1b[") == []
    assert reader.give_up() == []
    assert reader.feed(b"A") == [Key("text", "A")]


@given(st.binary(max_size=200))
def test_no_bytes_are_a_mistake_of_ours(data: bytes) -> None:
    reader = KeyReader()
    keys = reader.feed(data) + reader.give_up() + reader.feed(b"\x1b[201~\x18")
    assert all(key.name for key in keys)


@pytest.mark.parametrize("extra", [0, 1, 50_000])
def test_what_is_pasted_is_bounded(extra: int) -> None:
    reader = KeyReader()
    keys = reader.feed(b"\x1b[200~")
    for _ in range(10):
        keys += reader.feed(b"x" * ((MOST_PASTED + extra) // 10))
    keys += reader.feed(b"\x1b[201~q")
    assert [key.name for key in keys] == ["pasted", "text"]
    assert len(keys[0].text) <= MOST_PASTED
    assert keys[1].text == "q"


def test_a_sequence_without_an_end_is_given_up() -> None:
    reader = KeyReader()
    assert reader.feed(b"\x1b[" + b"1" * 40) == []
    assert reader.feed(b"q") == [Key("text", "q")]
