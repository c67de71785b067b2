"""Messages counted, dropped unread, read, and complained about."""

from __future__ import annotations

import pytest

from fakes import SpelledCodec, inbound
from trioaudio.core.carrier import CallerAudio, Complaint, Event, Metadata
from trioaudio.core.errors import RemoteProtocolError
from trioaudio.core.websocket_frame import Opcode
from trioaudio.core.websocket_split import DataFrame
from trioaudio.hearing import MOST_COMPLAINTS, Hearing


def test_audio_is_counted_and_dropped_until_somebody_listens() -> None:
    events: list[Event] = []
    hearing = Hearing(SpelledCodec(), events.append)
    hearing.receive(inbound(bytes(320)))
    hearing.receive(inbound("hello"))
    hearing.listening = True
    hearing.receive(inbound(bytes(2)))
    assert events == [Metadata("hello"), CallerAudio(bytes(2))]
    assert (hearing.messages, hearing.media) == (3, 1)


def test_a_flood_of_wrong_messages_is_counted_and_not_told() -> None:
    events: list[Event] = []
    hearing = Hearing(SpelledCodec(), events.append)
    for number in range(MOST_COMPLAINTS + 5):
        hearing.receive(inbound(f"wrong {number}"))
    hearing.receive(inbound("hello"))
    assert hearing.complaints == MOST_COMPLAINTS + 5
    assert events[-2:] == [Complaint(str(MOST_COMPLAINTS - 1)), Metadata("hello")]


def test_text_that_is_no_utf8_is_the_carriers_fault() -> None:
    hearing = Hearing(SpelledCodec(), lambda _event: None)
    with pytest.raises(RemoteProtocolError, match="UTF-8"):
        hearing.receive(DataFrame(Opcode.TEXT, b"\xff\xfe", None))
