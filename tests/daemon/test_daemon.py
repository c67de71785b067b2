"""The daemon as a whole: calls come in, are told what to say, and end; and so does it."""

from __future__ import annotations

import json
import os
import signal
import wave
from pathlib import Path

import httpx
import pytest
import trio

from daemon.daemon_rig import FRAME, hear, knock, node, raw_carrier, wait_closed, wait_for
from trioaudio.api.events import (
    CallAnswered,
    CallEnded,
    CallStarted,
    DtmfCame,
    UtteranceCompleted,
)
from trioaudio.client import ProblemError


async def test_a_carrier_walks_in_and_hears_the_greeting(tmp_path: Path) -> None:
    async with (
        node(tmp_path, greeting="Hello there.") as made,
        raw_carrier(f"{made.addresses.media}/media/raw") as carrier,
    ):
        frames = await hear(carrier, 5)
        assert {len(each) for each in frames} == {FRAME}
        started = await made.event("call.started")
        assert isinstance(started, CallStarted)
        assert started.carrier == "raw"
        done = await made.event("utterance.completed")
        assert isinstance(done, UtteranceCompleted)
        assert (done.cause, done.text_heard, done.text_unheard) == ("normal", "Hello there.", "")
        assert done.spoken_by == ["espeak"]
        await carrier.aclose()
        ended = await made.event("call.ended")
        assert isinstance(ended, CallEnded)
        assert ended.cause == "far-end"
        assert ended.record["utterance_totals"]["heard_characters"] == 12
    (line,) = (tmp_path / "state" / "calls.jsonl").read_text().splitlines()
    assert json.loads(line) == ended.record


async def test_a_recorded_greeting(tmp_path: Path) -> None:
    file = tmp_path / "hello.wav"
    pcm = b"".join((n % 2000 - 1000).to_bytes(2, "little", signed=True) for n in range(4800))
    with wave.open(str(file), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(8000)
        wav.writeframes(pcm)
    async with (
        node(tmp_path, greeting=f"@{file}") as made,
        raw_carrier(f"{made.addresses.media}/media/raw") as carrier,
    ):
        assert b"".join(await hear(carrier, 10)) == pcm


async def test_an_expected_call_by_its_own_url_only(tmp_path: Path) -> None:
    async with node(tmp_path, media_auth="tokens", carriers="raw") as made:
        call = await made.client.create_call(carrier="raw", labels={"case": "7"})
        view = await call.view()
        assert view.state == "expected"
        assert view.media_url is not None
        assert await knock(f"{made.addresses.media}/media/raw") == 404
        async with raw_carrier(view.media_url) as carrier:
            answered = await made.event("call.answered")
            assert isinstance(answered, CallAnswered)
            said = await call.say("One two three.")
            assert len(await hear(carrier, 8)) == 8
            await made.event("utterance.completed", utterance=said.number)
            await call.hang_up()
            ended = await made.event("call.ended", call=call.id)
            assert isinstance(ended, CallEnded)
            assert ended.cause == "hung-up"
            assert ended.record["labels"] == {"case": "7"}
        assert (await call.view()).state == "ended"
        with pytest.raises(ProblemError) as caught:
            await call.say("Too late.")
        assert caught.value.status == 410


async def test_nobody_comes_for_an_expected_call(tmp_path: Path) -> None:
    async with node(tmp_path, media_auth="tokens", carriers="raw") as made:
        await made.client.create_call(carrier="raw", wait_ms=100)
        ended = await made.event("call.ended")
        assert isinstance(ended, CallEnded)
        assert ended.cause == "not-answered"


async def test_tokens_of_a_language_model(tmp_path: Path) -> None:
    async with (
        node(tmp_path) as made,
        raw_carrier(f"{made.addresses.media}/media/raw") as carrier,
    ):
        started = await made.event("call.answered")
        call = made.client.call(started.call)
        async with call.open() as utterance:
            for token in ("This ", "was ", "written ", "bit ", "by ", "bit."):
                await utterance.append(token)
        await hear(carrier, 10)
        done = await made.event("utterance.completed")
        assert isinstance(done, UtteranceCompleted)
        assert done.text_heard == "This was written bit by bit."


async def test_a_barge_in_says_what_was_heard(tmp_path: Path) -> None:
    text = "One sentence that is long enough to be cut somewhere in the middle of it all."
    async with (
        node(tmp_path) as made,
        raw_carrier(f"{made.addresses.media}/media/raw") as carrier,
    ):
        started = await made.event("call.answered")
        call = made.client.call(started.call)
        await call.say(text)
        await hear(carrier, 20)
        [view] = await made.client.calls_named([call.id], saying=True)
        assert view.saying is not None
        assert view.saying.spoken_by == ["espeak"], "while it speaks"
        await call.barge_in()
        done = await made.event("utterance.completed")
        assert isinstance(done, UtteranceCompleted)
        assert done.cause == "barge-in"
        assert done.spoken_by == ["espeak"], "though it was cut before it had told of it"
        assert done.text_heard + done.text_unheard == text
        assert 10 < len(done.text_heard) < 50
        assert 1000 <= done.played_ms <= 1500


async def test_a_full_node_refuses_honestly(tmp_path: Path) -> None:
    async with (
        node(tmp_path, calls_most="1") as made,
        raw_carrier(f"{made.addresses.media}/media/raw"),
    ):
        await made.event("call.answered")
        with pytest.raises(ProblemError) as caught:
            await made.client.create_call(carrier="raw")
        assert caught.value.status == 503
        await trio.sleep(0.3)  # the door looks now and then
        assert await knock(f"{made.addresses.media}/media/raw") == 503
        async with httpx.AsyncClient(base_url=made.addresses.control) as http:
            ready = await http.get("/readyz")
            assert (ready.status_code, ready.json()["reason"]) == (503, "full")
            assert (await http.get("/livez")).status_code == 200


async def test_a_drain_lets_calls_finish(tmp_path: Path) -> None:
    async with (
        node(tmp_path) as made,
        raw_carrier(f"{made.addresses.media}/media/raw") as carrier,
    ):
        started = await made.event("call.answered")
        call = made.client.call(started.call)
        await call.say("A last word, and then good bye.", then="hang-up")
        os.kill(os.getpid(), signal.SIGTERM)
        await hear(carrier, 20)
        ended = await made.event("call.ended")
        assert isinstance(ended, CallEnded)
        assert ended.cause == "hung-up"
        assert ended.record["frames"]["flushed"] == 0
        await wait_for(lambda: bool(made.exit_code))
        assert made.exit_code == [0]


async def test_a_drain_that_takes_too_long_is_cut(tmp_path: Path) -> None:
    async with (
        node(tmp_path, drain_timeout_s="0.5") as made,
        raw_carrier(f"{made.addresses.media}/media/raw") as carrier,
    ):
        await made.event("call.answered")
        os.kill(os.getpid(), signal.SIGTERM)
        ended = await made.event("call.ended")
        assert isinstance(ended, CallEnded)
        assert ended.cause == "drained"
        assert await wait_closed(carrier) == 1000
    async with node(tmp_path) as next_one:
        told = await next_one.client.metrics()
        assert "trioaudio_drain_forced_total 1.0\n" in told, "the first had no time to tell it"


async def test_a_second_signal_cuts_at_once(tmp_path: Path) -> None:
    async with (
        node(tmp_path, drain_timeout_s="1000") as made,
        raw_carrier(f"{made.addresses.media}/media/raw"),
    ):
        await made.event("call.answered")
        os.kill(os.getpid(), signal.SIGTERM)
        await trio.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)
        ended = await made.event("call.ended")
        assert isinstance(ended, CallEnded)
        assert ended.cause == "drained"


async def test_a_reload_is_for_new_calls(tmp_path: Path) -> None:
    async with node(tmp_path, greeting="Good morning.") as made:
        url = f"{made.addresses.media}/media/raw"
        async with raw_carrier(url) as carrier:
            await hear(carrier, 3)
            made.environ["TRIOAUDIO_GREETING"] = "Good evening."
            old = made.desk.works
            os.kill(os.getpid(), signal.SIGHUP)
            await wait_for(lambda: made.desk.works is not old)
            assert old.calls == 1
            done = await made.event("utterance.completed")
            assert isinstance(done, UtteranceCompleted)
            assert done.text_heard == "Good morning."
        async with raw_carrier(url) as carrier:
            await hear(carrier, 3)
            done = await made.event("utterance.completed")
            assert isinstance(done, UtteranceCompleted)
            assert done.text_heard == "Good evening."


async def test_a_wrong_configuration_leaves_the_old_one(tmp_path: Path) -> None:
    async with node(tmp_path, greeting="Good morning.") as made:
        made.environ["TRIOAUDIO_GREETING"] = "@/nowhere.wav"
        with pytest.raises(ProblemError) as caught:
            await made.client.reload()
        assert caught.value.status == 422
        assert "nowhere" in str(caught.value.problem)
        assert made.desk.works.configuration.serve.greeting == "Good morning."


async def test_a_call_that_lasts_too_long(tmp_path: Path) -> None:
    async with node(tmp_path, media_auth="tokens", carriers="raw") as made:
        call = await made.client.create_call(carrier="raw", most_s=1)
        view = await call.view()
        assert view.media_url is not None
        async with raw_carrier(view.media_url):
            ended = await made.event("call.ended")
            assert isinstance(ended, CallEnded)
            assert ended.cause == "too-long"


async def test_a_far_end_that_sends_nothing(tmp_path: Path) -> None:
    async with node(tmp_path, media_auth="tokens", carriers="raw") as made:
        call = await made.client.create_call(carrier="raw", no_media_ms=400)
        view = await call.view()
        assert view.media_url is not None
        async with raw_carrier(view.media_url) as carrier:
            for _ in range(8):
                await carrier.send_message(b"\0\0" * 480)
                await trio.sleep(0.1)
            assert (await call.view()).state == "up"
            ended = await made.event("call.ended")
            assert isinstance(ended, CallEnded)
            assert ended.cause == "no-media"


async def test_keys_of_a_twilio_call(tmp_path: Path) -> None:
    async with (
        node(tmp_path) as made,
        raw_carrier(f"{made.addresses.media}/media/twilio") as carrier,
    ):
        start = {
            "event": "start",
            "sequenceNumber": "1",
            "streamSid": "MZ1",
            "start": {
                "accountSid": "AC1",
                "streamSid": "MZ1",
                "callSid": "CA1",
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {"who": "me"},
            },
        }
        await carrier.send_message('{"event":"connected","protocol":"Call","version":"1.0.0"}')
        await carrier.send_message(json.dumps(start))
        answered = await made.event("call.answered")
        assert isinstance(answered, CallAnswered)
        assert answered.carrier_call_id == "CA1"
        key = {
            "event": "dtmf",
            "streamSid": "MZ1",
            "dtmf": {"track": "inbound_track", "digit": "5"},
        }
        await carrier.send_message(json.dumps(key))
        pressed = await made.event("dtmf")
        assert isinstance(pressed, DtmfCame)
        assert pressed.digit == "5"


async def test_a_carrier_that_connects_and_begins_nothing(tmp_path: Path) -> None:
    async with (
        node(tmp_path, dial_timeout_s="0.4") as made,
        raw_carrier(f"{made.addresses.media}/media/twilio") as carrier,
    ):
        ended = await made.event("call.ended")
        assert isinstance(ended, CallEnded)
        assert ended.cause == "not-answered"
        assert "began no stream" in ended.reason
        await wait_closed(carrier)
