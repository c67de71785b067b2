"""What a node shows of itself, and prompts from being made to being played."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.daemon_rig import hear, node, raw_carrier
from trioaudio.api.events import UtteranceCompleted
from trioaudio.client import ProblemError


async def test_what_a_node_has(tmp_path: Path) -> None:
    async with node(tmp_path, carriers="raw,twilio,telecmi", media_auth="off") as made:
        carriers = {each.carrier: each for each in await made.client.carriers()}
        assert list(carriers) == ["raw", "twilio", "telecmi"]
        raw, twilio = carriers["raw"], carriers["twilio"]
        assert (raw.dials_us, raw.is_dialled, raw.places) == (True, True, False)
        assert (twilio.marks, twilio.clears, twilio.is_dialled) == (True, True, False)
        assert twilio.answers
        assert twilio.media_path == "/media/twilio"
        (engine,) = await made.client.engines()
        assert (engine.engine, engine.embedded, engine.resting) == ("espeak", True, False)
        voices = await made.client.voices()
        assert {each.engine for each in voices} == {"espeak"}
        assert voices == await made.client.voices("espeak")
        with pytest.raises(ProblemError, match="espeak") as caught:
            await made.client.voices("espeek")
        assert caught.value.status == 404


async def test_a_prompt_is_made_once_and_played(tmp_path: Path) -> None:
    async with node(tmp_path, carriers="raw") as made:
        (prompt,) = (await made.client.precache(["Welcome to the bank."])).prompts
        assert prompt.made
        (again,) = (await made.client.precache(["Welcome to the bank."])).prompts
        assert (again.prompt, again.made) == (prompt.prompt, False)
        with pytest.raises(ProblemError) as caught:
            await made.client.precache(["…"])
        assert caught.value.status == 422
        with pytest.raises(ProblemError) as caught:
            await made.client.precache(["Hello."], voice="nobody-at-all")
        assert caught.value.status == 422
        async with raw_carrier(f"{made.addresses.media}/media/raw") as carrier:
            started = await made.event("call.answered")
            call = made.client.call(started.call)
            (prepared,) = (await call.prepare(["Please hold."])).prompts
            assert prepared.made
            played = await call.play(prompt=prompt.prompt)
            await hear(carrier, 5)
            done = await made.event("utterance.completed", utterance=played.number)
            assert isinstance(done, UtteranceCompleted)
            assert done.played_ms == pytest.approx(prompt.audio_ms, abs=60)
            (view,) = await call.utterances()
            assert (view.state, view.characters) == ("played", 0)
            with pytest.raises(ProblemError) as caught:
                await call.play(prompt="nothing")
            assert caught.value.status == 404


async def test_what_cannot_be_asked_of_a_call(tmp_path: Path) -> None:
    async with (
        node(tmp_path, carriers="raw") as made,
        raw_carrier(f"{made.addresses.media}/media/raw"),
        made.client.stream() as stream,
    ):
        started = await made.event("call.answered")
        with pytest.raises(ProblemError, match="11025"):
            await stream.listen(started.call, "callee", 11_025)
        with pytest.raises(ProblemError) as caught:
            await made.client.call("c_nobody").view()
        assert caught.value.status == 404
        with pytest.raises(ProblemError):
            await made.client.call(started.call).upload(b"no wav at all")
        call = made.client.call(started.call)
        await call.hang_up()
        await made.event("call.ended")
        with pytest.raises(ProblemError) as caught:
            await call.say("Too late.")
        assert caught.value.status == 410
