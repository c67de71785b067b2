from __future__ import annotations

from typing import Any

import pytest
import trio

from control.control_rig import control_rig
from control.stream_client import dtmf, stream_of
from control.test_http import kind_of
from trioaudio.api import commands
from trioaudio.control import stream_reception
from trioaudio.control.stream import AT_ONCE

SUBSCRIBE = {"kind": "subscribe"}


async def test_commands_are_answered_and_events_told_in_order() -> None:
    async with control_rig() as rig, stream_of(rig) as stream:
        created = await stream.ask({"kind": "create", "call": {"to": "+911234567890"}})
        call = created["call"]["call"]
        assert (await stream.ask(SUBSCRIBE))["reply"] == {"did": "done"}
        await stream.send(
            {"kind": "command", "call": call, "ref": "1", "command": {"do": "say", "text": "a"}}
        )
        got = [await stream.receive(), await stream.receive()]
        told = [each for each in got if "event" in each]
        answers = [each for each in got if "event" not in each]
        assert answers[0]["reply"]["utterance"] == 1
        assert told[0]["event"] == "utterance.accepted"
        rig.desk.play_out(call, 1)
        rig.desk.end(call)
        assert [(await stream.receive())["event"] for _ in range(2)] == [
            "utterance.completed",
            "call.ended",
        ]
        assert ("operator", "create-call", call, 200) in rig.desk.audits
        assert ("operator", "say", call, 200) in rig.desk.audits


async def test_nothing_is_told_until_asked_for_and_only_what_is_wanted() -> None:
    async with control_rig() as rig, stream_of(rig) as stream:
        one, two = await rig.new_call(), await rig.new_call()
        rig.desk.hub.tell(dtmf(one))
        await stream.ask({**SUBSCRIBE, "calls": [two], "events": ["dtmf"]})
        rig.desk.hub.tell(dtmf(one, "1"))
        rig.desk.fall_silent(two)
        rig.desk.end(two)
        rig.desk.hub.tell(dtmf(two, "2"))
        assert (await stream.receive())["digit"] == "2"
        await stream.ask({**SUBSCRIBE, "calls": []})
        rig.desk.hub.tell(dtmf(two, "3"))
        await stream.ask(SUBSCRIBE)
        rig.desk.hub.tell(dtmf(one, "4"))
        assert (await stream.receive())["digit"] == "4"


async def test_what_cannot_be_done_is_answered_with_a_problem() -> None:
    async with control_rig() as rig, stream_of(rig) as stream:
        missing = await stream.tell("no-call", do="pause")
        assert missing["problem"]["status"] == 404
        assert missing.get("reply") is None
        wrong = await stream.ask({"kind": "command", "call": "c", "command": {"do": "dance"}})
        assert wrong["problem"]["status"] == 422
        assert wrong["problem"]["errors"][0]["field"] == "command.do"
        await stream.socket.send_message("{")
        assert (await stream.receive())["problem"]["status"] == 400
        await stream.socket.send_message('{"x":' * 100_000)
        assert (await stream.receive())["problem"]["status"] in {400, 422}
        await stream.send({"kind": "command", "call": "no-call", "command": {"do": "pause"}})
        unasked = await stream.receive()
        assert unasked["ref"] == ""
        assert unasked["problem"]["status"] == 404


async def test_what_succeeds_without_a_ref_is_not_answered() -> None:
    async with control_rig() as rig, stream_of(rig) as stream:
        call = await rig.new_call()
        await stream.send({"kind": "command", "call": call, "command": {"do": "pause"}})
        assert (await stream.tell(call, do="resume"))["reply"] == {"did": "done"}
        assert rig.desk.known[call].commands == [commands.Pause(), commands.Resume()]


async def test_slow_commands_hold_up_nothing() -> None:
    async with control_rig() as rig, stream_of(rig) as stream:
        call = await rig.new_call()
        held = rig.desk.held["prepare"] = trio.Event()
        for number in range(AT_ONCE):
            await stream.send(
                {
                    "kind": "command",
                    "call": call,
                    "ref": f"p{number}",
                    "command": {"do": "prepare", "texts": ["x"]},
                }
            )
        assert (await stream.tell(call, do="pause"))["reply"] == {"did": "done"}
        full = await stream.tell(call, do="prepare", texts=["x"])
        assert full["problem"]["status"] == 429
        held.set()
        refs = {(await stream.receive())["ref"] for _ in range(AT_ONCE)}
        assert refs == {f"p{number}" for number in range(AT_ONCE)}
        assert "reply" in await stream.tell(call, do="prepare", texts=["x"])


async def test_commands_are_carried_out_in_order() -> None:
    async with control_rig() as rig, stream_of(rig) as stream:
        call = await rig.new_call()
        told: list[dict[str, Any]] = []
        for number in range(100):
            told.append({"do": "say", "text": str(number)})
            told.append({"do": "play", "prompt": str(number)})
        for command in told:
            await stream.send({"kind": "command", "call": call, "command": command})
        await stream.tell(call, do="pause")
        done = rig.desk.known[call].commands[:-1]
        assert [getattr(each, "text", None) or each.prompt for each in done] == [  # type: ignore[union-attr]
            command.get("text") or command["prompt"] for command in told
        ]


async def test_a_token_may_come_as_the_first_message() -> None:
    async with control_rig() as rig, stream_of(rig, None) as stream:
        await stream.send({"kind": "token", "token": rig.tokens["read-only"]})
        assert (await stream.ask(SUBSCRIBE))["reply"] == {"did": "done"}


@pytest.mark.parametrize("first", [{"kind": "token", "token": "ta_x"}, SUBSCRIBE])
async def test_a_first_message_without_a_good_token_closes(first: dict[str, Any]) -> None:
    async with control_rig() as rig, stream_of(rig, None) as stream:
        await stream.send(first)
        assert (await stream.closed_with())[0] == 1008


async def test_no_token_at_all_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_reception, "TOKEN_S", 0.05)
    async with control_rig() as rig, stream_of(rig, None) as stream:
        assert (await stream.closed_with())[0] == 1008


async def test_a_wrong_token_in_the_header_is_refused_by_http() -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AQIDBAUGBwgJCgsMDQ4PEA==",
        "Authorization": "Bearer ta_wrong",
    }
    async with control_rig() as rig:
        assert kind_of(await rig.client.get("/v1/stream", headers=upgrade)) == "token"


async def test_a_reader_only_reads() -> None:
    async with control_rig() as rig, stream_of(rig, "read-only") as stream:
        call = await rig.new_call()
        for message in (
            {"kind": "create", "call": {}},
            {"kind": "command", "call": call, "command": {"do": "pause"}},
            {"kind": "listen", "call": call},
        ):
            assert (await stream.ask(message))["problem"]["status"] == 403
        assert not rig.desk.known[call].listeners["callee"]
        await stream.ask(SUBSCRIBE)
        made = await rig.client.post("/v1/calls")
        assert made.json()["media_url"]
        started = await stream.receive()
        assert started["event"] == "call.started"
        assert started["media_url"] is None


async def test_requests_of_streams_count_too() -> None:
    async with control_rig(requests_per_s=0.1, request_burst=3) as rig, stream_of(rig) as stream:
        answers = [await stream.ask(SUBSCRIBE) for _ in range(4)]
        assert [bool(each.get("problem")) for each in answers] == [False, False, False, True]
        assert answers[-1]["problem"]["status"] == 429
        assert answers[-1]["problem"]["retry_after_s"] > 0


async def test_calls_are_listened_to() -> None:
    async with control_rig() as rig, stream_of(rig) as stream:
        call = await rig.new_call()
        frame = b"\1\2" * 480
        await stream.ask({"kind": "listen", "call": call})
        rig.desk.hear(call, frame)
        rig.desk.hear(call, frame, "ours")
        head = b"\1" + bytes([len(call)]) + call.encode()
        assert await stream.receive_audio() == head + b"\0" + frame
        await stream.ask({"kind": "listen", "call": call, "side": "ours"})
        rig.desk.hear(call, frame, "ours")
        assert await stream.receive_audio() == head + b"\1" + frame
        await stream.ask({"kind": "listen", "call": call, "on": False})
        rig.desk.hear(call, frame)
        rig.desk.hear(call, frame, "ours")
        assert (await stream.receive_audio())[2 + len(call)] == 1
        rig.desk.end(call)
        ended = await stream.ask({"kind": "listen", "call": call})
        assert ended["problem"]["status"] == 410


async def test_listening_twice_is_listening_once() -> None:
    async with control_rig() as rig, stream_of(rig) as stream:
        call = await rig.new_call()
        for _ in range(3):
            await stream.ask({"kind": "listen", "call": call, "sample_rate": 16000})
        assert len(rig.desk.known[call].listeners["callee"]) == 1
