from __future__ import annotations

import hashlib
import json

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from fakes import Pieces
from trioaudio.core.engine import VoiceChoice, WordTiming
from trioaudio.core.errors import RemoteProtocolError
from trioaudio.speech.prompt import Origin, Prompt, PromptKey, PromptRecorder

HYPOTHESIS = settings(max_examples=100, deadline=None, derandomize=True, database=None)
A_WORD = st.builds(
    WordTiming, st.integers(0, 9), st.integers(0, 999), st.integers(1, 99), st.floats(0, 1e6)
)
PCM = bytes(range(1, 251)) * 8
WORDS = (WordTiming(0, 0, 3, 0.0), WordTiming(0, 4, 2, 41.5), WordTiming(1, 0, 5, 60.25))
PROMPT = Prompt(PCM, WORDS, (800, 2000))


class Listener:
    """Keeps what is written and told, in one list."""

    def __init__(self) -> None:
        self.heard: list[bytes | WordTiming | int] = []

    async def write(self, chunk: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.heard.append(chunk)

    def tell_word(self, word: WordTiming) -> None:
        self.heard.append(word)

    def tell_spoken(self, clauses: int) -> None:
        self.heard.append(clauses)

    @property
    def pcm(self) -> bytes:
        return b"".join(each for each in self.heard if isinstance(each, bytes))


# --- Keys ------------------------------------------------------------------------------------


def test_equal_is_equal() -> None:
    assert PromptKey.of("a", "r", 8000, ["x", "y"]) == PromptKey.of("a", "r", 8000, ("x", "y"))
    assert len(PromptKey.of("a", "r", 8000, []).digest) == 64


def test_a_digest_that_is_none_finds_nothing() -> None:
    key = PromptKey.of("a", "r", 8000, ["x"])
    assert PromptKey.read(key.digest) == key
    for digest in ("", "../../etc/passwd", key.digest[:-1], key.digest + "0", "A" * 64, "x" * 64):
        assert PromptKey.read(digest) is None
    assert PromptKey.read(key.digest + "\n") is None


def test_whatever_differs_makes_another_key() -> None:
    keys = [
        PromptKey.of("a", "r", 8000, ["x y"]),
        PromptKey.of("b", "r", 8000, ["x y"]),
        PromptKey.of("a", "s", 8000, ["x y"]),
        PromptKey.of("a", "r", 16000, ["x y"]),
        PromptKey.of("a", "r", 8000, ["x", "y"]),
        PromptKey.of("a", "r", 8000, ["x z"]),
        PromptKey.of("a", "r", 8000, ["x y", ""]),
        PromptKey.of('a", "r', "", 8000, ["x y"]),
        PromptKey.of("a", "r", 8000, ["é"]),
        PromptKey.of("a", "r", 8000, ["e\u0301"]),
        PromptKey.of("a", "r", 8000, ["\ud800"]),
    ]
    assert len({key.digest for key in keys}) == len(keys)


def test_the_text_cannot_be_read_in_a_key() -> None:
    key = PromptKey.of("a", "r", 8000, ["your balance is 250"])
    assert "250" not in repr(key).replace(key.digest, "")
    assert set(key.digest) <= set("0123456789abcdef"), "it is a file's name"


# --- Files -----------------------------------------------------------------------------------


@HYPOTHESIS
@given(
    st.binary(max_size=300),
    st.lists(A_WORD, max_size=5),
    st.lists(st.integers(0, 1000), max_size=5),
)
def test_what_is_packed_is_read(pcm: bytes, words: list[WordTiming], ends: list[int]) -> None:
    prompt = Prompt(pcm, tuple(words), tuple(ends))
    assert Prompt.unpack(prompt.pack()) == prompt


@HYPOTHESIS
@given(st.data())
def test_a_damaged_file_is_known(data: st.DataObject) -> None:
    packed = PROMPT.pack()
    at = data.draw(st.integers(0, len(packed) - 1))
    damage = data.draw(st.sampled_from(["cut", "flip", "drop", "insert"]))
    if damage == "cut":
        damaged = packed[:at]
    elif damage == "flip":
        damaged = (
            packed[:at] + bytes([packed[at] ^ data.draw(st.integers(1, 255))]) + packed[at + 1 :]
        )
    elif damage == "drop":
        damaged = packed[:at] + packed[at + 1 :]
        if damaged == packed:
            return
    else:
        damaged = packed[:at] + b"\x00" + packed[at:]
    with pytest.raises(RemoteProtocolError):
        Prompt.unpack(damaged)


@pytest.mark.parametrize("head", [b"", b"{", b"{}", b"[]", b'{"words": 1}', b"\xff"])
def test_a_whole_file_of_something_else(head: bytes) -> None:
    """One with a right digest was written by us, or by another version of us."""
    body = len(head).to_bytes(4, "big") + head + b"pcm"
    magic = PROMPT.pack().partition(b"\n")[0] + b"\n"
    with pytest.raises((RemoteProtocolError, ValueError, KeyError, TypeError)):
        Prompt.unpack(magic + hashlib.sha256(body).digest() + body)


# --- Playing ---------------------------------------------------------------------------------


async def test_it_is_spoken_as_an_engine_would(autojump_clock: MockClock) -> None:
    listener = Listener()
    await PROMPT.synthesize(Pieces("One two.", "Three."), listener, VoiceChoice(), 8000)
    first, second, third = PROMPT.words
    assert listener.heard == [first, second, PCM[:800], 1, third, PCM[800:], 2]


async def test_it_goes_out_in_steps(autojump_clock: MockClock) -> None:
    listener = Listener()
    prompt = Prompt(bytes(16_000), (), (16_000,))
    await prompt.synthesize(Pieces("x"), listener, VoiceChoice(), 8000)
    assert [len(each) for each in listener.heard if isinstance(each, bytes)] == [3200] * 5
    at_16k = Listener()
    await prompt.synthesize(Pieces("x"), at_16k, VoiceChoice(), 16_000)
    assert [len(each) for each in at_16k.heard if isinstance(each, bytes)] == [6400, 6400, 3200]


async def test_more_or_fewer_clauses_than_it_has(autojump_clock: MockClock) -> None:
    listener = Listener()
    await PROMPT.synthesize(Pieces("a", "b", "c"), listener, VoiceChoice(), 8000)
    assert (listener.pcm, listener.heard[-1]) == (PCM, 3)
    fewer = Listener()
    await PROMPT.synthesize(Pieces("a"), fewer, VoiceChoice(), 8000)
    assert fewer.pcm == PCM[:800]


# --- Recording -------------------------------------------------------------------------------


async def record(recorder: PromptRecorder) -> None:
    recorder.tell_word(PROMPT.words[0])
    await recorder.write(PCM[:801])
    recorder.tell_spoken(1)
    await recorder.write(PCM[801:])
    recorder.tell_spoken(1)
    recorder.tell_spoken(2)


async def test_what_is_recorded_can_be_played() -> None:
    recorder = PromptRecorder()
    await record(recorder)
    assert recorder.prompt(2) == Prompt(PCM, PROMPT.words[:1], (800, 2000))


async def test_a_recorder_passes_on_what_it_hears() -> None:
    listener = Listener()
    await record(PromptRecorder(listener))
    assert listener.heard == [PROMPT.words[0], PCM[:801], 1, PCM[801:], 1, 2]


async def test_clauses_nobody_told_of_end_with_the_sound() -> None:
    recorder = PromptRecorder()
    await recorder.write(PCM[:1001])
    assert recorder.prompt(3) == Prompt(PCM[:1000], (), (1000, 1000, 1000))


async def test_too_many_clauses_told_of_cost_no_sound() -> None:
    recorder = PromptRecorder()
    await recorder.write(PCM[:100])
    recorder.tell_spoken(5)
    await recorder.write(PCM[100:])
    prompt = recorder.prompt(2)
    assert prompt.clause_ends == (100, 2000)
    listener = Listener()
    await prompt.synthesize(Pieces("a", "b"), listener, VoiceChoice(), 8000)
    assert listener.pcm == PCM


# --- Its origin ------------------------------------------------------------------------------


def test_a_prompt_keeps_who_made_it() -> None:
    origin = Origin("cartesia", "sonic asha hi 1.0", 16_000)
    prompt = Prompt(PCM, WORDS, (800, 2000), origin)
    assert Prompt.unpack(prompt.pack()) == prompt
    assert origin.voice == "cartesia sonic asha hi 1.0"


def test_a_prompt_kept_before_origins_were_can_still_be_read() -> None:
    packed = PROMPT.pack()
    start = packed.index(b"{")
    length = int.from_bytes(packed[start - 4 : start], "big")
    head = json.loads(packed[start : start + length])
    del head["origin"]
    old = json.dumps(head).encode()
    body = len(old).to_bytes(4, "big") + old + PCM
    assert Prompt.unpack(b"trioaudio prompt 1\n" + hashlib.sha256(body).digest() + body) == PROMPT
