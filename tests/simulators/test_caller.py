from __future__ import annotations

import json
import struct
import uuid

import pytest
import trio
import trio.testing

from trioaudio.simulators.caller import script, speak
from trioaudio.simulators.options import parse

DIAL = ("--dial", "ws://127.0.0.1:1/")


def test_telecmi_begins_with_a_uuid_and_goes_on_in_20_ms() -> None:
    lines = script(parse(DIAL))
    assert isinstance(lines.before[0], str)
    assert str(uuid.UUID(lines.before[0])) == lines.before[0]
    assert lines.frame == bytes(320)
    assert lines.interval == 0.02
    assert lines.after == ()


def test_metadata_after_the_first_audio() -> None:
    lines = script(parse([*DIAL, "--metadata", "json", "--metadata-when", "after"]))
    assert lines.before == ()
    assert isinstance(lines.after[0], str)
    assert json.loads(lines.after[0])["extra_params"] == {"order": "42"}


def test_metadata_never() -> None:
    lines = script(parse([*DIAL, "--metadata-when", "never"]))
    assert (lines.before, lines.after) == ((), ())


def test_raw_sends_whole_frames_both_ways() -> None:
    lines = script(parse([*DIAL, "--dialect", "raw", "--rate", "16000"]))
    assert lines.frame == bytes(1920)
    assert lines.before == ()


@pytest.mark.parametrize("rate", ["8000", "16000"])
def test_a_tone_repeats_without_a_click(rate: str) -> None:
    frame = script(parse([*DIAL, "--caller", "tone", "--rate", rate])).frame
    assert frame is not None
    samples = struct.unpack(f"<{len(frame) // 2}h", frame)
    period = int(rate) // 400
    assert samples[:period] == samples[-period:]
    assert max(samples) == 8000


def test_a_big_message_and_a_flood() -> None:
    lines = script(parse([*DIAL, "--fault", "big-message", "--fault", "flood"]))
    assert [len(each) for each in lines.before] == [36, 10_000_000]
    assert lines.frames_at_once > 10


async def test_frames_have_absolute_deadlines(autojump_clock: trio.testing.MockClock) -> None:
    sent: list[tuple[float, str | bytes]] = []
    begun = trio.current_time()

    async def send(message: str | bytes) -> None:
        sent.append((trio.current_time() - begun, message))
        await trio.sleep(0.007)  # what sending takes must not add up

    lines = script(parse([*DIAL, "--metadata-when", "after"]))
    with trio.move_on_after(2):
        await speak(lines, send)
    frames = [at for at, message in sent if isinstance(message, bytes)]
    assert len(frames) == 100
    assert frames == pytest.approx([n * 0.02 for n in range(100)])
    assert [isinstance(message, str) for _, message in sent[:3]] == [False, True, False]


async def test_no_caller_audio() -> None:
    sent: list[str | bytes] = []

    async def send(message: str | bytes) -> None:
        sent.append(message)
        await trio.lowlevel.checkpoint()

    await speak(script(parse([*DIAL, "--caller", "none", "--metadata-when", "after"])), send)
    assert len(sent) == 1
