"""What a node gives: recordings, what is heard on a call, metrics, records, and posted events."""

from __future__ import annotations

import json
import stat
import struct
import time
import wave
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import trio

from daemon.daemon_rig import FRAME, hear, node, raw_carrier, wait_for
from net.webhook_receiver import a_receiver
from trioaudio.api.events import CallEnded, RecordingDone
from trioaudio.api.webhook_signature import SIGNATURE_HEADER, verify_signature

DOCS = Path(__file__).parents[2] / "docs"
RECORD: dict[str, Any] = json.loads((DOCS / "call-record.schema.json").read_text("utf-8"))


def ramp(samples: int) -> bytes:
    return struct.pack(f"<{samples}h", *(n % 20_000 - 10_000 or 1 for n in range(samples)))


def wav_file(path: Path, pcm: bytes) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(pcm)
    return path


async def test_a_recording_of_both_sides(tmp_path: Path) -> None:
    pcm = ramp(480 * 10)
    greeting = wav_file(tmp_path / "hello.wav", pcm)
    async with (
        node(tmp_path, greeting=f"@{greeting}") as made,
        raw_carrier(f"{made.addresses.media}/media/raw") as carrier,
    ):
        started = await made.event("call.answered")
        call = made.client.call(started.call)
        await call.record(on=True)
        await wait_for(lambda: made.daemon.roll.live[call.id].audio.recording is not None)
        assert (await call.view()).recording
        said = await call.upload(wav_file(tmp_path / "more.wav", pcm).read_bytes())
        for _ in range(20):
            await carrier.send_message(struct.pack("<480h", *[1234] * 480))
            await trio.sleep(0.06)
        await made.event("utterance.completed", utterance=said.number)
        await call.record(on=False)
        done = await made.event("recording.done")
        assert isinstance(done, RecordingDone)
        assert done.error is None
        assert Path(done.wav).is_relative_to(tmp_path / "state" / "recordings")
        assert not stat.S_IMODE(Path(done.wav).parent.stat().st_mode) & 0o007
        with wave.open(done.wav) as file:
            assert (file.getnchannels(), file.getframerate()) == (2, 8000)
            sound = file.readframes(file.getnframes())
        assert pcm in _channel(sound, 0)
        theirs = _channel(sound, 1)
        assert theirs.count(struct.pack("<h", 1234)) >= 15 * 480
        index = json.loads(await trio.Path(done.index).read_text("utf-8"))
        assert (index["wav"], index["error"]) == (Path(done.wav).name, None)
        assert index["duration_ms"] == len(sound) / 4 / 8
        assert call.id in json.dumps(index)
        await carrier.aclose()
        ended = await made.event("call.ended")
        assert isinstance(ended, CallEnded)
        assert ended.record["recordings"] == [done.wav]


def _channel(sound: bytes, number: int) -> bytes:
    samples = struct.unpack(f"<{len(sound) // 2}h", sound)
    one = samples[number::2]
    return struct.pack(f"<{len(one)}h", *one)


async def test_a_client_listens_to_both_sides(tmp_path: Path) -> None:
    pcm = ramp(480 * 8)
    async with (
        node(tmp_path) as made,
        raw_carrier(f"{made.addresses.media}/media/raw") as carrier,
        made.client.stream() as stream,
    ):
        started = await made.event("call.answered")
        ours = await stream.listen(started.call, "ours")
        theirs = await stream.listen(started.call, "callee")
        call = made.client.call(started.call)
        await call.upload(wav_file(tmp_path / "a.wav", pcm).read_bytes())
        for at in range(0, len(pcm), FRAME):
            await carrier.send_message(pcm[at : at + FRAME])
        heard = await hear(carrier, 8)
        assert b"".join(heard) == pcm
        with trio.fail_after(20):
            assert b"".join([await ours.__anext__() for _ in range(8)]) == pcm
            assert b"".join([await theirs.__anext__() for _ in range(8)]) == pcm
        await ours.aclose()
        await theirs.aclose()
        live = made.daemon.roll.live[started.call]
        await wait_for(lambda: not live.call.listening)
        async with await stream.listen(started.call, "callee", 16_000) as faster:
            await carrier.send_message(b"".join([pcm] * 2))
            with trio.fail_after(20):
                assert len(await faster.__anext__()) == 2 * FRAME


async def test_metrics_name_carriers_and_no_calls(tmp_path: Path) -> None:
    async with (
        node(tmp_path, greeting="Hello there.") as made,
        raw_carrier(f"{made.addresses.media}/media/raw") as carrier,
        httpx.AsyncClient(base_url=made.addresses.control) as http,
    ):
        await hear(carrier, 5)
        started = await made.event("call.started")
        await made.event("utterance.completed")
        during = (await http.get("/metrics")).text
        assert 'trioaudio_calls_active{carrier="raw"} 1.0' in during
        assert started.call not in during
        sent = _value(during, 'trioaudio_frames_sent_total{carrier="raw",kind="speech"}')
        assert sent >= 5
        await carrier.aclose()
        await made.event("call.ended")
        await made.gone()
        after = (await http.get("/metrics")).text
        assert 'trioaudio_calls_active{carrier="raw"} 1.0' not in after
        assert _value(after, 'trioaudio_frames_sent_total{carrier="raw",kind="speech"}') >= sent
        assert started.call not in after
        assert after.endswith("# EOF\n") or "# TYPE" in after


def _value(page: str, name: str) -> float:
    (line,) = [each for each in page.splitlines() if each.startswith(name)]
    return float(line.rpartition(" ")[2])


async def test_a_record_of_each_call_by_its_schema(tmp_path: Path) -> None:
    file = tmp_path / "records" / "calls.jsonl"
    file.parent.mkdir()
    async with node(tmp_path, greeting="Hello there.", records_file=str(file)) as made:
        url = f"{made.addresses.media}/media/raw"
        async with raw_carrier(url) as carrier:
            await hear(carrier, 3)
            await made.event("utterance.completed")
            await carrier.aclose()
            await made.event("call.ended")
        async with raw_carrier(url):
            await made.event("call.answered")
        await made.event("call.ended")
        cut = await made.client.create_call(carrier="raw", first=[], greeting=True)
        await cut.hang_up()
        await made.event("call.ended", call=cut.id)
    lines = file.read_text("utf-8").splitlines()
    assert len(lines) == 3
    validator = jsonschema_rs.validator_for(RECORD)
    for line in lines:
        assert not list(validator.iter_errors(json.loads(line))), line
    assert [json.loads(line)["cause"] for line in lines] == ["far-end", "far-end", "hung-up"]
    assert not stat.S_IMODE(file.stat().st_mode) & 0o007


async def test_events_are_posted_and_signed(tmp_path: Path) -> None:
    secret = "a-long-random-secret-nobody-knows"
    async with (
        a_receiver() as receiver,
        node(
            tmp_path,
            greeting="Hello.",
            webhook_url=receiver.url,
            webhook_secret=secret,
            webhook_events="call.started,utterance.completed,call.ended",
        ) as made,
    ):
        async with raw_carrier(f"{made.addresses.media}/media/raw") as carrier:
            await hear(carrier, 3)
            await made.event("utterance.completed")
            await carrier.aclose()
        requests = await receiver.wait_requests(3)
        told = [each.told for each in requests]
        assert sorted(_event_of(each) for each in told) == [
            "call.ended",
            "call.started",
            "utterance.completed",
        ]
        for each in requests:
            headers = {name.lower(): value for name, value in each.headers.items()}
            signature = headers[SIGNATURE_HEADER.lower()]
            verify_signature(secret, signature, each.body, time.time())  # noqa: TID251
            assert secret not in str(each.headers)


def _event_of(told: dict[str, Any]) -> str:
    return str(told["event"]["event"])
