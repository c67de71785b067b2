from __future__ import annotations

from typing import Any

import pytest

from control.control_rig import control_rig
from control.stream_client import dtmf, stream_of
from trioaudio.api.encoding import encode
from trioaudio.api.events import CallStarted
from trioaudio.control import stream_events
from trioaudio.control.stream_events import TEXTS, EventTexts

SUBSCRIBE = {"kind": "subscribe"}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what was made into text, as it is."""
    values: list[Any] = []

    def note(value: object) -> bytes:
        values.append(value)
        return encode(value)

    monkeypatch.setattr(stream_events, "encode", note)
    return values


async def test_an_event_is_made_into_text_once_for_all_who_are_told(made: list[Any]) -> None:
    async with (
        control_rig() as rig,
        stream_of(rig) as one,
        stream_of(rig, "admin") as two,
        stream_of(rig, "read-only") as reader,
    ):
        for each in (one, two, reader):
            await each.ask(SUBSCRIBE)
        told = [dtmf("c", digit) for digit in "123"]
        for event in told:
            rig.desk.hub.tell(event)
        for each in (one, two, reader):
            assert [(await each.receive())["digit"] for _ in told] == ["1", "2", "3"]
        assert made == told


def test_readers_and_operators_are_told_of_a_call_apart(made: list[Any]) -> None:
    texts = EventTexts()
    started = CallStarted(call="c", at=1.0, carrier="raw", to=None, media_url="ws://secret")
    for _ in range(2):
        assert "secret" in texts.text_of(started, shows_media_urls=True)
        assert "secret" not in texts.text_of(started, shows_media_urls=False)
    assert len(made) == 2


def test_texts_are_kept_within_bounds(made: list[Any]) -> None:
    texts = EventTexts()
    events = [dtmf("c", str(number)) for number in range(TEXTS + 1)]
    for event in [*events, *events[1:]]:
        assert f'"digit":"{event.digit}"' in texts.text_of(event, shows_media_urls=True)
    assert len(made) == TEXTS + 1
    texts.text_of(events[0], shows_media_urls=True)
    assert len(made) == TEXTS + 2
    long = dtmf("c", "1" * 100_000)
    for _ in range(2):
        texts.text_of(long, shows_media_urls=True)
    assert len(made) == TEXTS + 4
