"""Commands to a live call, what must not happen when one is refused, and its end."""

from __future__ import annotations

import io
import wave

import pytest
import trio

from calls.live_rig import Scene, nothing_is_left
from trioaudio.api import events
from trioaudio.api.commands import CallCommand
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.views import Reply
from trioaudio.calls.orders import carry_out


async def told(made: Scene, command: CallCommand) -> Reply:
    return await carry_out(made.live, command)


async def refused(made: Scene, command: CallCommand, fault: RequestFault, *words: str) -> None:
    """Assert that it is, and that nothing of it was done."""
    before = made.live.book.made, list(made.live.book.incomplete), list(made.names)
    with pytest.raises(RequestError) as caught:
        await told(made, command)
    assert caught.value.fault is fault
    for word in words:
        assert word in str(caught.value)
    assert before == (made.live.book.made, list(made.live.book.incomplete), list(made.names))


def completed(made: Scene, utterance: int) -> events.UtteranceCompleted:
    (found,) = [e for e in made.of(events.UtteranceCompleted) if e.utterance == utterance]
    return found


def wav(samples: int, rate: int = 8000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(b"\x10\x01" * samples)
    return file.getvalue()


async def ended(made: Scene) -> events.CallEnded:
    """Wait for the end, and return what was told of it."""
    with trio.fail_after(1000):
        await made.ran.wait()
    nothing_is_left(made)
    told = made.only(events.CallEnded)
    assert made.names[-1] == "call.ended"
    assert told.record == made.live.record == made.watcher.records[0]
    assert len(made.watcher.records) == 1
    assert (told.record["cause"], told.record["reason"]) == (told.cause, told.reason)
    assert told.reason
    return told


def complete(made: Scene) -> list[tuple[str, str]]:
    """Return how each utterance ended: its cause and all of its text."""
    return [
        (each.cause, each.text_heard + each.text_unheard)
        for each in made.of(events.UtteranceCompleted)
    ]
