from __future__ import annotations

import json
import re
import threading
import timeit
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio
import trio.testing

from trioaudio.core.encoding import Encoding, PayloadForm
from trioaudio.core.errors import OutputError
from trioaudio.core.payload import payload_encoder, payload_pcm
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.playout_item import Audio
from trioaudio.observe import call_recording
from trioaudio.observe.call_recording import HORIZON_S, CallRecording, open_call_recording
from trioaudio.wav_file import WavFile

PCM = PcmFormat(8000)
LOUD = b"\x01\x10" * 480
HIGH = b"\x02\x20" * 160


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def channels(path: Path) -> tuple[bytes, bytes]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return both[0::2].tobytes(), both[1::2].tobytes()


def index_of(path: Path) -> dict[str, Any]:
    index = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert isinstance(index, dict)
    return index


def audio(utterance: int = 1) -> Audio:
    return Audio(0, utterance, 0.0, 1, LOUD)


async def speak(recording: CallRecording, seconds: float, utterance: int = 1) -> None:
    """Say something in time, 180 ms ahead as most carriers have it, while the caller does too."""
    began = trio.current_time()
    for n in range(round(seconds / 0.06)):
        await trio.sleep_until(began + n * 0.06)
        recording.ours(audio(utterance), began + n * 0.06, 0.0, began + 0.18 + n * 0.06)
        for part in range(3):
            recording.theirs(HIGH, began + n * 0.06 + (part + 1) * 0.02)


def opened(path: Path, **more: Any) -> Any:
    return open_call_recording(
        path,
        **{
            "pcm": PCM,
            "encoding": Encoding.PCM16,
            "form": PayloadForm.BINARY,
            "began_at": trio.current_time(),
            **more,
        },
    )


async def test_both_sides_and_their_index(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    path = tmp_path / "call-1.wav"
    began = trio.current_time()
    async with opened(path, facts={"call": "c1"}, wall_clock=lambda: 1_800_000_000.0) as recording:
        await trio.sleep(1)
        await speak(recording, 6, utterance=7)
        recording.note("utterance completed", began + 7.0, utterance=7, cause="normal")
        recording.note("dtmf", began + 7.5)
        await trio.sleep(2)
        recorded = await recording.finish()
    ours, theirs = channels(path)
    assert ours == bytes(2 * 9440) + LOUD * 100 + bytes(len(ours) - 2 * 9440 - 100 * 960)
    assert theirs == bytes(2 * 8000) + HIGH * 300 + bytes(len(theirs) - 2 * 8000 - 300 * 320)
    assert names(tmp_path) == ["call-1.json", "call-1.wav"]
    index = index_of(path)
    assert index.pop("duration_ms") == recorded.duration_ms == len(ours) / 16
    assert recorded.duration_ms == pytest.approx(8940, abs=1)
    assert index == {
        "version": 1,
        "wav": "call-1.wav",
        "began_at": "2027-01-15T08:00:00.000Z",
        "sample_rate": 8000,
        "ptime_ms": 60,
        "encoding": "pcm16",
        "channels": ["ours", "theirs"],
        "facts": {"call": "c1"},
        "utterances": [{"utterance": 7, "from_ms": 1180, "to_ms": 7180}],
        "notes": [
            {
                "name": "utterance completed",
                "at_ms": 7000,
                "facts": {"utterance": 7, "cause": "normal"},
            },
            {"name": "dtmf", "at_ms": 7500},
        ],
        "re_anchors": 0,
        "re_anchored": [],
        "lost_messages": 0,
        "lost_notes": 0,
        "lost_utterances": 0,
        "error": None,
    }
    assert (recorded.wav, recorded.index) == (path, path.with_suffix(".json"))
    assert (recorded.lost_messages, recorded.error) == (0, None)


async def test_the_page_lists_every_key_of_the_index_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    async with opened(path) as recording:
        now = trio.current_time()
        recording.ours(audio(), now, 0.0, now)
        recording.theirs(HIGH, now)
        recording.theirs(HIGH, now + 1)
        recording.note("dtmf", now, digit="1")
        await recording.finish()
    keys: list[str] = []
    for key, value in index_of(path).items():
        keys.append(key)
        if isinstance(value, list) and isinstance(value[0], dict):
            keys += [f"{key}.{below}" for below in value[0]]
    page = (Path(__file__).parents[2] / "docs" / "recording.md").read_text("utf-8")
    assert re.findall(r"^\| `([\w.]+)` \|", page, re.MULTILINE) == keys


async def test_a_late_beginning_has_the_wall_clock_of_the_call(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    began = trio.current_time()
    await trio.sleep(10)
    path = tmp_path / "x.wav"
    async with opened(path, began_at=began, wall_clock=lambda: 1_800_000_010.0) as recording:
        await recording.finish()
    assert index_of(path)["began_at"] == "2027-01-15T08:00:00.000Z"
    assert index_of(path)["duration_ms"] == 10_000


async def test_what_the_carrier_forgot_is_silent(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    path = tmp_path / "x.wav"
    async with opened(path) as recording:
        await speak(recording, 3)
        at = trio.current_time()
        recording.cleared(at)
        recording.cleared(at)
        await speak(recording, 3, utterance=2)
        await trio.sleep(1)
        await recording.finish()
    ours, _ = channels(path)
    # Due from 0.18 s to 3.18 s, cleared at 2.94 s; the next begins at 3.12 s.
    assert ours[: 2 * 1440] == bytes(2880)
    assert ours[2880 : 2 * 23520] == (LOUD * 50)[: 2 * (23520 - 1440)]
    assert ours[2 * 23520 : 2 * 24960] == bytes(2880)
    assert ours[2 * 24960 : 2 * 24960 + 48000] == LOUD * 50
    assert [each["to_ms"] for each in index_of(path)["utterances"]] == [2940, 6120]


async def test_a_beginning_long_ago(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    began = trio.current_time()
    await trio.sleep(600)
    path = tmp_path / "x.wav"
    async with opened(path, began_at=began) as recording:
        await speak(recording, 3)
        await trio.sleep(1)
        recorded = await recording.finish()
    ours, theirs = channels(path)
    assert recorded.lost_messages == 0
    assert ours[2 * 8000 * 600 + 2880 :].startswith(LOUD * 50)
    assert theirs[2 * 8000 * 600 :].startswith(HIGH * 150)
    assert ours[: 2 * 8000 * 600] == theirs[: 2 * 8000 * 600] == bytes(2 * 8000 * 600)


@pytest.mark.parametrize(
    ("encoding", "form"),
    [(Encoding.MULAW, PayloadForm.BASE64), (Encoding.PCM16_BE, PayloadForm.BINARY)],
)
async def test_messages_as_carriers_take_them(
    tmp_path: Path, encoding: Encoding, form: PayloadForm
) -> None:
    payload = payload_encoder(encoding, form)(LOUD)
    path = tmp_path / "x.wav"
    async with opened(path, encoding=encoding, form=form) as recording:
        now = trio.current_time()
        recording.ours(Audio(0, 1, now, 1, payload), now, 0.0, now + 1)
        await recording.finish()
    assert channels(path)[0].endswith(payload_pcm(payload, encoding, form))
    assert index_of(path)["utterances"][0]["utterance"] == 1


async def test_it_goes_to_the_disk_while_the_call_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_recording, "BATCH_S", 0.01)
    part = tmp_path / "x.wav.part"
    # Real time: began a minute ago, so there is a minute of silence to write.
    async with opened(tmp_path / "x.wav", began_at=trio.current_time() - 60) as recording:
        with trio.fail_after(10):
            while part.stat().st_size < 1_000_000:  # noqa: ASYNC110  nobody tells of a file's size
                await trio.sleep(0.005)
        assert len(recording._tape._window) < (HORIZON_S + 1) * 8000


async def test_without_finish_nothing_is_left(tmp_path: Path) -> None:
    async with opened(tmp_path / "x.wav") as recording:
        recording.ours(audio(), 0.0, 0.0, trio.current_time())
    assert names(tmp_path) == []


async def test_an_error_of_the_call_comes_out_as_itself(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"^the call's own$"):
        async with opened(tmp_path / "x.wav"):
            raise OSError("the call's own")
    assert names(tmp_path) == []


async def test_cancelled_in_the_middle(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    with trio.move_on_after(5):
        async with opened(tmp_path / "x.wav") as recording:
            await speak(recording, 60)
    assert names(tmp_path) == []


async def test_a_full_disk_ends_the_recording_and_not_the_call(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_recording, "INDEX_ROOM", 1600)
    path = tmp_path / "x.wav"
    taken = 0
    really = WavFile.write

    def write(self: WavFile, pcm: bytes) -> None:
        nonlocal taken
        fits = pcm[: 200_000 - taken]
        taken += len(fits)
        really(self, fits)
        if len(fits) < len(pcm):
            raise OutputError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(WavFile, "write", write)
    async with opened(path) as recording:
        await speak(recording, 30)
        recorded = await recording.finish()
    assert recorded.error == f"cannot write {path}: No space left on device"
    index = index_of(path)
    assert (index["error"], index["lost_messages"]) == (recorded.error, recorded.lost_messages)
    # 6.25 s were taken, and 50 ms given up for the index; most of 30 s with 67 messages a second
    # are lost.
    assert index["duration_ms"] == 6200
    assert 1400 < index["lost_messages"] <= 2000
    ours, _ = channels(path)
    assert len(ours) / 16 == index["duration_ms"] == index["utterances"][0]["to_ms"]
    assert ours[2880:] == (LOUD * 500)[: len(ours) - 2880]


async def test_a_disk_that_is_full_at_the_very_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finish(self: WavFile) -> None:
        raise OutputError("cannot write it: No space left on device")

    monkeypatch.setattr(WavFile, "finish", finish)
    path = tmp_path / "x.wav"
    async with opened(path, began_at=trio.current_time() - 10) as recording:
        recorded = await recording.finish()
    assert recorded.error == "cannot write it: No space left on device"
    assert len(channels(path)[0]) / 16 == recorded.duration_ms
    assert 5000 < recorded.duration_ms < 10_000  # room was made for the index


async def test_a_slow_disk_loses_messages_and_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_recording, "ENTRIES_AHEAD", 10)
    go_on, waits = threading.Event(), threading.Event()
    really = CallRecording._lay

    def lay(self: CallRecording, *arguments: Any) -> None:
        waits.set()
        assert go_on.wait(20)
        really(self, *arguments)

    monkeypatch.setattr(CallRecording, "_lay", lay)
    path = tmp_path / "x.wav"
    async with opened(path) as recording:
        await trio.to_thread.run_sync(waits.wait)
        now = trio.current_time()
        for n in range(20):
            recording.ours(audio(), now, 0.0, now + n * 0.06)
            recording.theirs(HIGH, now + n * 0.02)
        recording.cleared(now + 0.3)
        go_on.set()
        recorded = await recording.finish()
    assert recorded.lost_messages == index_of(path)["lost_messages"] == 30
    ours, _ = channels(path)
    # Five of ours were kept, and the clear although there was no room.
    assert ours.count(b"\x01\x10") == 5 * 480
    assert recorded.error is None


async def test_there_is_a_bound_on_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_recording, "NOTES_MOST", 2)
    path = tmp_path / "x.wav"
    async with opened(path) as recording:
        for _ in range(5):
            recording.note("dtmf", trio.current_time(), digit="1")
        await recording.finish()
    assert (len(index_of(path)["notes"]), index_of(path)["lost_notes"]) == (2, 3)


async def test_unwritable_places(tmp_path: Path) -> None:
    for path, problem in (
        (tmp_path / "no" / "x.wav", "No such file"),
        (tmp_path / "x.json", "its index needs that name"),
    ):
        with pytest.raises(OutputError, match=problem):
            async with opened(path):
                pass
    (tmp_path / "y.json").mkdir()
    with pytest.raises(OutputError, match="it is a folder"):
        async with opened(tmp_path / "y.wav"):
            pass
    assert names(tmp_path) == ["y.json"]


async def test_noting_a_message_costs_next_to_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "x.wav") as recording:
        item = audio()

        def note() -> None:
            recording.ours(item, 0.0, 0.0, 1.0)

        def once() -> float:
            recording._entries.clear()
            return timeit.timeit(note, number=1000) / 1000

        assert min(once() for _ in range(20)) < 2e-6
