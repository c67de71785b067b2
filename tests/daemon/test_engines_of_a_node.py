"""A node's engines: none that speaks, others after a reload, and children that are gone with it."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest
import trio

from daemon.carriers import until_knocked
from daemon.daemon_rig import Node, hear, node, raw_carrier, wait_for
from engines.listening import children_of
from trioaudio.api.events import UtteranceCompleted
from trioaudio.client import ProblemError

DEAD = {
    "engine": "openai",
    "openai_url": "http://127.0.0.1:9",
    "openai_api_key": "sk-nobody",
    "embedded_last": "no",
}


async def _at_once(_made: Node) -> None:
    """Do not wait for what does not come."""
    await trio.lowlevel.checkpoint()


async def test_a_node_that_cannot_speak_says_so_until_a_reload_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Node, "ready", _at_once)
    monkeypatch.setattr("trioaudio.daemon.trial.AGAIN_S", 0.2)
    async with (
        node(tmp_path, carriers="raw", **DEAD) as made,
        httpx.AsyncClient(base_url=made.addresses.control) as http,
    ):
        await wait_for(lambda: made.daemon.admission.no_engine is not None)
        ready = await http.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["reason"] == "no-engine"
        assert "openai" in ready.text
        assert "sk-nobody" not in ready.text
        assert (await http.get("/livez")).status_code == 200
        with pytest.raises(ProblemError) as caught:
            await made.client.create_call(carrier="raw")
        assert caught.value.status == 503
        await until_knocked(f"{made.addresses.media}/media/raw", 503)
        view = await made.client.node()
        assert (view.state, view.engines) == ("starting", ["openai"])

        made.environ["TRIOAUDIO_ENGINE"] = "espeak"
        await made.client.reload()
        await wait_for(lambda: made.daemon.admission.readiness().ready)
        assert (await http.get("/readyz")).status_code == 200
        await until_knocked(f"{made.addresses.media}/media/raw", 101)


async def test_a_reload_keeps_the_old_engines_as_long_as_they_are_needed(tmp_path: Path) -> None:
    before = set(children_of(os.getpid()))
    async with node(tmp_path) as made:
        url = f"{made.addresses.media}/media/raw"
        at_first = set(children_of(os.getpid())) - before
        assert at_first  # the embedded voice is a child
        async with raw_carrier(url) as carrier:
            started = await made.event("call.answered")
            call = made.client.call(started.call)
            old = made.desk.works
            made.environ["TRIOAUDIO_ENGINE"] = "tone"
            made.environ["TRIOAUDIO_EMBEDDED_LAST"] = "no"
            await made.client.reload()
            await wait_for(lambda: made.desk.works is not old)
            assert [each.engine for each in await made.client.engines()] == ["tone"]
            assert (old.calls, made.desk.works.calls) == (1, 0)
            await call.say("Still the old voice.")
            await hear(carrier, 3)
            done = await made.event("utterance.completed")
            assert isinstance(done, UtteranceCompleted)
            assert done.spoken_by == ["espeak"]
        await made.event("call.ended")
        await wait_for(lambda: not set(children_of(os.getpid())) - before)
        async with raw_carrier(url) as carrier:
            started = await made.event("call.answered")
            await made.client.call(started.call).say("440:500")
            done = await made.event("utterance.completed")
            assert isinstance(done, UtteranceCompleted)
            assert done.spoken_by == ["tone"]
    await wait_for(lambda: set(children_of(os.getpid())) == before)


async def test_two_reloads_in_a_row_leave_one_configuration(tmp_path: Path) -> None:
    before = set(children_of(os.getpid()))
    async with node(tmp_path) as made:
        first = made.desk.works
        for greeting in ("Hello.", "Good day."):
            made.environ["TRIOAUDIO_GREETING"] = greeting
            await made.client.reload()
        await wait_for(lambda: made.desk.works.greeting == "Good day.")
        assert first._unused.is_set()
        async with raw_carrier(f"{made.addresses.media}/media/raw"):
            done = await made.event("utterance.completed")
            assert isinstance(done, UtteranceCompleted)
            assert done.text_heard == "Good day."
        await made.gone()
    await wait_for(lambda: set(children_of(os.getpid())) == before)
