"""What is filled in about a call: in its tasks, and in lines that only name it."""

from __future__ import annotations

import json
import logging
from typing import Any

import trio

from trioaudio.observe.log_context import about_call, describing_calls, with_call
from trioaudio.observe.logs import get_logger, open_logging


def describe(call: str) -> dict[str, object]:
    return {"carrier": "raw", "carrier_call_id": f"their-{call}"} if call != "c_gone" else {}


async def test_lines_of_a_call_s_tasks_name_it_other_libraries_too() -> None:
    lines: list[str] = []

    async def child() -> None:
        await trio.lowlevel.checkpoint()
        logging.getLogger("other").warning("odd")
        await trio.to_thread.run_sync(logging.getLogger("thread").warning, "odd")

    async def live(call: str) -> None:
        with about_call(call):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(child)
                nursery.start_soon(trio.lowlevel.checkpoint)
            get_logger("trioaudio.test").info("up", carrier="telnyx", utterance=3)
        get_logger("trioaudio.test").info("over")

    with open_logging(log_format="json", console=lines.append), describing_calls(describe):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(live, "c_1")
            nursery.start_soon(live, "c_2")
        get_logger("trioaudio.test").info("named", call="c_1")
        get_logger("trioaudio.test").info("unknown", call="c_gone")
    events: list[dict[str, Any]] = [json.loads(line) for line in lines]
    for call in ("c_1", "c_2"):
        of_call = [each for each in events if each.get("call") == call and each["event"] != "named"]
        assert [each["event"] for each in of_call] == ["odd", "odd", "up"]
        assert {each["carrier_call_id"] for each in of_call} == {f"their-{call}"}
        assert [each["carrier"] for each in of_call] == ["raw", "raw", "telnyx"]
    named, unknown = events[-2:]
    assert (named["carrier"], named["carrier_call_id"]) == ("raw", "their-c_1")
    assert (unknown["call"], unknown.get("carrier")) == ("c_gone", None)
    assert all("call" not in each for each in events if each["event"] == "over")


def test_without_a_call_or_anybody_who_knows_it_a_line_is_as_it_was() -> None:
    assert with_call({"event": "x"}) == {"event": "x"}
    assert with_call({"event": "x", "call": "c_1"}) == {"event": "x", "call": "c_1"}
    with describing_calls(describe):
        assert with_call({"event": "x", "call": None}) == {"event": "x", "call": None}
