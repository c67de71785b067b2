"""Messages counted, dropped unread, read, and complained about."""

from __future__ import annotations

from typing import cast

import pytest

from fakes import SpelledCodec, inbound
from trioaudio.core.carrier import (
    CallerAudio,
    CarrierCodec,
    Complaint,
    Event,
    Ignored,
    Message,
    Metadata,
)
from trioaudio.core.connection import Inbound
from trioaudio.core.errors import RemoteProtocolError
from trioaudio.core.websocket_frame import Opcode, mask
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


def masked(text: str, key: bytes) -> Inbound:
    return DataFrame(Opcode.TEXT, mask(text.encode(), key), key)


def test_media_that_begins_alike_is_known_without_asking_the_codec() -> None:
    class Counting:
        asked = 0

        def is_media(self, message: Message) -> bool:
            self.asked += 1
            return isinstance(message, str) and message.startswith('{"event":"media"')

        def receive(self, message: Message) -> list[Event]:
            del message
            return [Ignored("read")]

    codec, told = Counting(), list[Event]()
    hearing = Hearing(cast("CarrierCodec", codec), told.append)
    for number in range(100):
        text = f'{{"event":"media","sequenceNumber":"{number}"}}'
        hearing.receive(masked(text, number.to_bytes(4, "little")))
    assert (hearing.media, codec.asked) == (100, 2)
    hearing.receive(masked('{"event":"mark","sequenceNumber":"1","name":"a"}', b"abcd"))
    hearing.receive(masked('{"event":"m"}', b"abcd"))
    assert (hearing.media, len(told)) == (100, 2)
    hearing.listening = True
    hearing.receive(masked('{"event":"media","sequenceNumber":"9"}', b"abcd"))
    assert (hearing.media, hearing.messages, len(told)) == (100, 103, 3)


def test_beginnings_that_say_nothing_are_not_remembered() -> None:
    class Late:
        def is_media(self, message: Message) -> bool:
            return isinstance(message, str) and '"media"' in message

        def receive(self, message: Message) -> list[Event]:
            del message
            return []

    hearing = Hearing(cast("CarrierCodec", Late()), lambda _event: None)
    for number in range(9):
        hearing.receive(
            masked(f'{{"number":{number},"stream":"abcdefghijkl","event":"media"}}', b"k" * 4)
        )
    assert hearing.media == 9
    hearing.receive(masked('{"number":1,"stream":"abcdefghijkl","event":"stop"}', b"k" * 4))
    assert (hearing.media, hearing.messages) == (9, 10)
