"""Wyoming's framing, against its own library and against everything that is none."""

from __future__ import annotations

import asyncio  # noqa: TID251  the library's own reader needs it
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.wyoming_event import (
    LARGEST_DATA,
    LARGEST_LINE,
    LARGEST_PAYLOAD,
    Event,
    EventError,
    EventReader,
)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
EVENTS = st.builds(
    Event,
    TEXTS,
    st.dictionaries(TEXTS, TEXTS | st.integers() | st.none() | st.lists(TEXTS), max_size=4),
    st.binary(max_size=50),
)


@given(st.lists(EVENTS, max_size=6), st.integers(1, 40))
def test_events_come_back_however_they_are_cut(events: list[Event], size: int) -> None:
    data = b"".join(event.encode() for event in events)
    reader = EventReader()
    found = []
    for at in range(0, len(data), size):
        found += reader.push(data[at : at + size])
    assert found == events
    assert not reader.midway


@given(st.binary(max_size=200))
def test_junk_is_an_error_or_nothing(data: bytes) -> None:
    reader = EventReader()
    try:
        events = reader.push(data + b"\n")
    except EventError:
        return
    assert all(isinstance(event.type, str) for event in events)


def test_the_librarys_own_reader_reads_ours() -> None:
    wyoming = pytest.importorskip("wyoming.event")
    ours = Event("synthesize", {"text": "हाँ\nja", "voice": {"name": "x"}}, b"\0\1\n\xff")
    theirs = wyoming.read_event(io.BytesIO(ours.encode() + Event("ping").encode()))
    assert (theirs.type, theirs.data, theirs.payload) == (ours.type, ours.data, ours.payload)
    bare = wyoming.read_event(io.BytesIO(Event("ping").encode()))
    assert (bare.type, bare.data, bare.payload) == ("ping", {}, None)

    async def read() -> Any:
        reader = asyncio.StreamReader()
        reader.feed_data(ours.encode())
        return await wyoming.async_read_event(reader)

    assert asyncio.run(read()) == theirs


def test_we_read_what_the_library_writes() -> None:
    wyoming = pytest.importorskip("wyoming.event")
    audio = pytest.importorskip("wyoming.audio")
    theirs = [
        audio.AudioStart(22050, 2, 1).event(),
        audio.AudioChunk(22050, 2, 1, b"\1\2\3\4").event(),
        audio.AudioStop().event(),
        wyoming.Event("synthesize-stopped"),
    ]
    file = io.BytesIO()
    for event in theirs:
        wyoming.write_event(event, file)
    found = EventReader().push(file.getvalue())
    assert [each.type for each in found] == [each.type for each in theirs]
    assert [each.data for each in found] == [each.data for each in theirs]
    assert [each.payload for each in found] == [b"", b"\1\2\3\4", b"", b""]


def test_data_may_stand_in_the_line_too() -> None:
    more = b'{"b": 2}'
    line = {"type": "t", "data": {"a": 1}, "data_length": len(more), "version": "1.8.0"}
    (event,) = EventReader().push(json.dumps(line).encode() + b"\n" + more)
    assert event == Event("t", {"a": 1, "b": 2})
    (event,) = EventReader().push(b'{"type": "t", "data": null, "payload_length": null}\n')
    assert event == Event("t")


def test_it_knows_when_an_event_is_not_complete() -> None:
    reader = EventReader()
    for byte in Event("t", {}, b"ab").encode()[:-1]:
        assert reader.push(bytes([byte])) == []
        assert reader.midway
    assert reader.push(b"b") == [Event("t", {}, b"ab")]
    assert not reader.midway


def test_texts_out_of_the_data() -> None:
    event = Event("error", {"text": "no", "code": 7})
    assert (event.text("text"), event.text("code"), event.text("none")) == ("no", "", "")
    assert Event("t", {"text": "\ud83d"}).encode().endswith(b'{"text": "?"}')


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"[]\n",
        b"nonsense\n",
        b"\xff\n",
        b"[" * 100_000 + b"\n",
        b'{"type": 1}\n',
        b'{"data": {}}\n',
        b'{"type": "t", "data": [1]}\n',
        b'{"type": "t", "data_length": -1}\n',
        b'{"type": "t", "data_length": "1"}\n',
        b'{"type": "t", "data_length": 2}\n[]',
        b'{"type": "t", "data_length": %d}\n' % (LARGEST_DATA + 1),
        b'{"type": "t", "payload_length": true}\n',
        b'{"type": "t", "payload_length": 1.0}\n',
        b'{"type": "t", "payload_length": %d}\n' % (LARGEST_PAYLOAD + 1),
        b" " * (LARGEST_LINE + 1),
    ],
)
def test_what_is_no_event(data: bytes) -> None:
    with pytest.raises(EventError):
        EventReader().push(data)
