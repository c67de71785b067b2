from __future__ import annotations

import wave
from pathlib import Path

import pytest
import trio
import trio.testing

from trioaudio.core.encoding import Encoding, PayloadForm
from trioaudio.core.errors import OutputError
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.playout_item import Audio
from trioaudio.observe import wire_recording
from trioaudio.observe.wire_recording import open_recording

PCM = PcmFormat(8000)
LOUD = b"\x01\x10" * 480


def audio() -> Audio:
    return Audio(0, 1, 0.0, 1, LOUD)


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def full_disk_at(path: Path) -> None:
    path.symlink_to("/dev/full")


def heard(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        return bytes(file.readframes(file.getnframes()))


async def test_how_late_it_was_sent_is_not_recorded_and_gaps_are(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    async with open_recording(path, PCM, Encoding.PCM16, PayloadForm.BINARY) as recording:
        for sent_at, due in ((10.0, 10.0), (10.19, 10.06), (10.0, 10.12), (10.5, 10.68)):
            recording(audio(), sent_at, 0.0, due)
        await recording.finish()
    # Three frames to 10.18, half a second of nothing, one frame.
    assert heard(path) == LOUD * 3 + bytes(8000) + LOUD
    assert names(tmp_path) == ["x.wav"]


async def test_a_talkspurt_has_no_seams_wherever_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    async with open_recording(path, PCM, Encoding.PCM16, PayloadForm.BINARY) as recording:
        recording(audio(), 0.0, 0.0, 1 / 16000)  # half a sample
        for n in range(300):
            recording(audio(), 0.0, 0.0, 2 / 3 + n * 0.06)
        await recording.finish()
    assert heard(path).endswith(LOUD * 300)


async def test_finishing_does_not_wait_for_the_next_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire_recording, "BATCH_S", 3600)
    with trio.fail_after(5):
        async with open_recording(
            tmp_path / "x.wav", PCM, Encoding.PCM16, PayloadForm.BINARY
        ) as recording:
            recording(audio(), 1.0, 0.0, 1.0)
            await trio.testing.wait_all_tasks_blocked(0.05)
            await recording.finish()
    assert heard(tmp_path / "x.wav") == LOUD


async def test_without_finish_nothing_is_left(tmp_path: Path) -> None:
    async with open_recording(
        tmp_path / "x.wav", PCM, Encoding.PCM16, PayloadForm.BINARY
    ) as recording:
        recording(audio(), 1.0, 0.0, 1.0)
    assert names(tmp_path) == []


async def test_a_full_disk_is_told_of_at_the_end(tmp_path: Path) -> None:
    full_disk_at(tmp_path / "x.wav.part")
    async with open_recording(
        tmp_path / "x.wav", PCM, Encoding.PCM16, PayloadForm.BINARY
    ) as recording:
        for n in range(200):
            recording(audio(), n * 0.06, 0.0, n * 0.06)
        await trio.testing.wait_all_tasks_blocked(0.05)
        recording(audio(), 12.0, 0.0, 12.0)  # the call goes on
        with pytest.raises(OutputError, match="No space left"):
            await recording.finish()
    assert names(tmp_path) == []


async def test_a_recording_with_holes_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire_recording, "SENT_AHEAD", 2)
    async with open_recording(
        tmp_path / "x.wav", PCM, Encoding.PCM16, PayloadForm.BINARY
    ) as recording:
        for n in range(5):
            recording(audio(), n * 0.06, 0.0, n * 0.06)
        with pytest.raises(OutputError, match="lacks"):
            await recording.finish()
    assert names(tmp_path) == []
