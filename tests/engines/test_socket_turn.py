"""What becomes of the answers to one clause."""

from __future__ import annotations

import pytest

from trioaudio.core.engine import WordTiming
from trioaudio.core.errors import EngineFault
from trioaudio.engines._inbox import Inbox
from trioaudio.engines._service_socket import ServiceAddress
from trioaudio.engines._socket_turn import Clause, Delivered, Request, SaidWord, Turn
from trioaudio.engines._status import unavailable

TEXT = "One, two and one."
SECOND = bytes(range(1, 251)) * 64  # of PCM16 at 8 kHz


class Wordy(Inbox):
    """An inbox that remembers what was put."""

    __slots__ = ("words",)

    def __init__(self) -> None:
        super().__init__(8000)
        self.words: list[WordTiming] = []

    def put(self, arrival: object) -> None:
        if isinstance(arrival, WordTiming):
            self.words.append(arrival)


def turn(number: int = 0, *, heard_before: int = 0) -> tuple[Turn, Wordy]:
    inbox = Wordy()
    delivered = Delivered(inbox, 8000, heard_before)
    request = Request(TEXT, "voice", "en", 8000)
    return Turn(Clause(ServiceAddress("acme", "ws://acme"), request, number, delivered)), inbox


def test_words_are_found_in_their_order_and_timed_from_the_utterances_beginning() -> None:
    second, inbox = turn(3, heard_before=len(SECOND))
    for text, start_s in (("One,", 0.0), (" two ", 0.2), ("and", 0.3), ("one.", 0.4)):
        second.hear(SaidWord(text, start_s))
    assert inbox.words == [
        WordTiming(3, 0, 4, 1000.0),
        WordTiming(3, 5, 3, 1200.0),
        WordTiming(3, 9, 3, 1300.0),
        WordTiming(3, 13, 4, 1400.0),
    ]


def test_words_that_are_not_in_the_text_are_left_out() -> None:
    only, inbox = turn()
    for text in ("Eins", "", "  ", "two", "One"):
        only.hear(SaidWord(text, -1.0))
    assert inbox.words == [WordTiming(0, 5, 3, 0.0)]


def test_half_a_sample_at_the_end_is_not_left_to_the_next_clause() -> None:
    only, _ = turn()
    only.hear(SECOND + b"x")
    only.end(None)
    assert only.error is None
    assert only.clause.delivered.audio_bytes == len(SECOND)
    assert only.clause.delivered.audio_ms == 1000.0


def test_what_turns_out_to_be_no_audio_at_its_end_is_an_error() -> None:
    only, _ = turn()
    only.hear(b"RIFF\xff\xff\xff\xffWAVEfmt ")
    only.end(None)
    assert only.error is not None
    assert only.error.kind is EngineFault.PROTOCOL


def test_an_error_is_kept_and_no_audio_is_one() -> None:
    failed, _ = turn()
    error = unavailable("acme", "gone")
    failed.end(error)
    assert failed.error is error
    assert failed.over.is_set()
    empty, _ = turn()
    empty.end(None)
    assert empty.error is not None
    assert empty.error.kind is EngineFault.EMPTY


@pytest.mark.parametrize(("number", "begun"), [(0, False), (1, True)])
def test_an_utterance_has_begun_with_its_second_clause(number: int, *, begun: bool) -> None:
    assert turn(number)[0].begun is begun
