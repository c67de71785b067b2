"""What a node's metrics say of real calls, and that a scrape lets them go on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import httpx
import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from daemon.daemon_rig import Node, hear, node, raw_carrier, wait_for
from trioaudio.calls.stages import STAGES
from trioaudio.daemon.counting import CALLS_A_STEP, NodeCounts
from trioaudio.observe.exposition import CONTENT_TYPE


async def scrape(made: Node) -> dict[str, float]:
    async with httpx.AsyncClient(base_url=made.addresses.control) as http:
        answer = await http.get("/metrics")
    assert answer.headers["content-type"] == CONTENT_TYPE
    return {
        sample.name
        + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): (
            sample.value
        )
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_what_is_held_while_somebody_speaks(tmp_path: Path) -> None:
    async with (
        node(tmp_path, greeting=20 * "Hello there, and good morning. ") as made,
        raw_carrier(f"{made.addresses.media}/media/raw") as carrier,
    ):
        await hear(carrier, 3)
        told = await scrape(made)
    assert told["trioaudio_carrier_lead_seconds carrier=raw"] > 0
    assert told["trioaudio_channel_depth channel=playout"] > 0
    assert told["trioaudio_stage_seconds_count stage=queue"] == 0, "it is not complete"


async def test_the_stages_of_what_was_said(tmp_path: Path) -> None:
    async with (
        node(tmp_path, greeting="Hello there.") as made,
        raw_carrier(f"{made.addresses.media}/media/raw"),
    ):
        started = await made.event("call.started")
        await made.event("utterance.completed", call=started.call)
        told = await scrape(made)
    assert [told[f"trioaudio_stage_seconds_count stage={each}"] for each in STAGES] == [1] * 7
    took = {each: told[f"trioaudio_stage_seconds_sum stage={each}"] for each in STAGES}
    del took["leading_silence"]
    whole = told["trioaudio_first_frame_seconds_sum cache=miss engine=espeak"]
    assert sum(took.values()) == pytest.approx(whole, abs=0.02)
    assert took["engine"] > 0
    assert told["trioaudio_carrier_lead_seconds carrier=raw"] == 0


async def test_wrong_tokens_are_counted(tmp_path: Path) -> None:
    async with node(tmp_path) as made:
        async with httpx.AsyncClient(base_url=made.addresses.control) as http:
            wrong = {"Authorization": "Bearer ta_nobodys"}
            assert (await http.get("/v1/node", headers=wrong)).status_code == 401
            assert (await http.get("/v1/node")).status_code == 401
        assert (await scrape(made))["trioaudio_auth_failures_total"] == 2
        await made.client.node()
        assert (await scrape(made))["trioaudio_auth_failures_total"] == 2


async def test_a_service_s_sockets_and_places(tmp_path: Path) -> None:
    async with node(
        tmp_path,
        engine="espeak,cartesia",
        cartesia_url="ws://127.0.0.1:9",
        cartesia_api_key="k",
        cartesia_voice="v",
        cartesia_concurrency="7",
    ) as made:
        told = await scrape(made)
    assert told["trioaudio_engine_contexts_most engine=cartesia"] == 7
    assert told["trioaudio_engine_contexts engine=cartesia state=speaking"] == 0
    assert told["trioaudio_engine_connections engine=cartesia state=open"] == 0
    assert "trioaudio_engine_contexts_most engine=espeak" not in told


async def test_other_tasks_have_their_turn_while_calls_are_counted(tmp_path: Path) -> None:
    async with node(tmp_path) as made, raw_carrier(f"{made.addresses.media}/media/raw"):
        await wait_for(lambda: len(made.daemon.roll) == 1)
        (live,) = made.daemon.roll
        many = type(made.daemon.roll)({str(n): live for n in range(3 * CALLS_A_STEP)})
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(other)
            counts = await NodeCounts(speech_frames=Counter(raw=5)).with_live(many)
            nursery.cancel_scope.cancel()
    assert counts.calls == {"raw": 3 * CALLS_A_STEP}
    assert counts.speech_frames["raw"] >= 5
    assert turns >= 2, "one between two steps"
