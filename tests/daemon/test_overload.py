"""A daemon that is too busy for another call: what everybody is told who asks."""

from __future__ import annotations

import threading
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import trio

from daemon.daemon_rig import Node, node, raw_carrier, wait_for
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.client import ProblemError
from trioaudio.daemon.admission import REFUSALS, Admission, Stage
from trioaudio.observe.load_limits import Overload


async def hold_the_loop() -> None:
    """Do what nothing in an event loop may do, again and again."""
    never = threading.Event()
    while True:
        never.wait(0.08)
        await trio.sleep(0.02)


async def knock(media: str) -> tuple[int, str | None]:
    """Dial in as a raw carrier; return the status and Retry-After."""
    parts = urlsplit(media)
    async with httpx.AsyncClient() as http:
        answer = await http.get(
            f"http://{parts.netloc}/media/raw",
            headers={
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            },
        )
    return answer.status_code, answer.headers.get("retry-after")


async def metric(made: Node, name: str) -> float:
    text = await made.client.metrics()
    (line,) = [each for each in text.splitlines() if each.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


async def test_a_loop_that_is_held_takes_no_calls(tmp_path: Path) -> None:
    async with (
        node(tmp_path, carriers="raw", loop_lag_most_ms="10") as made,
        raw_carrier(f"{made.addresses.media}/media/raw"),
    ):
        await made.event("call.answered")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hold_the_loop)
            await wait_for(lambda: made.daemon.load.refusal() is not None)
            nursery.cancel_scope.cancel()
        ready = made.daemon.admission.readiness()
        assert ready.reason == "overloaded"
        assert "the event loop is " in ready.detail
        assert await knock(made.addresses.media) == (503, "5")
        with pytest.raises(ProblemError, match="the event loop is ") as caught:
            await made.client.create_call()
        assert caught.value.status == 503
        assert await metric(made, 'trioaudio_refusing{reason="loop-lag"}') == 1
        assert await metric(made, 'trioaudio_refusing{reason="cpu"}') == 0
        assert await metric(made, 'trioaudio_calls_refused_total{reason="loop-lag"}') >= 2
        lag = await metric(made, 'trioaudio_load{measure="loop-lag"}')
        assert lag > await metric(made, 'trioaudio_load_limit{measure="loop-lag"}') == 0.01
        assert len(made.daemon.roll) == 1, "the call that was up goes on"


async def test_a_reload_sets_other_limits(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("cpu_most = 0.5\n")
    async with node(tmp_path, carriers="raw", config=str(config)) as made:
        del made.environ["TRIOAUDIO_CPU_MOST"]
        config.write_text("cpu_most = 0.000001\n")
        await made.client.reload()
        await wait_for(lambda: made.daemon.load.refusal() is not None)
        assert made.daemon.admission.refusing() == "cpu"


def test_what_was_refused_is_counted_by_its_reason() -> None:
    calls, overload = 0, None
    admission = Admission(lambda: calls, 1, lambda: overload)
    admission.check()
    assert admission.refusing() is None, "it starts, and takes calls"
    admission.no_engine = "none speaks"
    refuse(admission, "no-engine", 5.0)
    admission.stage = Stage.READY
    admission.check()
    calls = 1
    refuse(admission, "full", 5.0)
    calls, overload = 0, Overload("newcomers", "too many", 1.0)
    refuse(admission, "newcomers", 1.0)
    refuse(admission, "newcomers", 1.0)
    admission.stage = Stage.DRAINING
    refuse(admission, "draining", 5.0)
    assert admission.refused() == {
        **dict.fromkeys(REFUSALS, 0),
        "no-engine": 1,
        "full": 1,
        "newcomers": 2,
        "draining": 1,
    }


def refuse(admission: Admission, reason: str, retry_after_s: float) -> None:
    assert admission.refusing() == reason
    with pytest.raises(RequestError) as caught:
        admission.check()
    assert (caught.value.fault, caught.value.retry_after_s) == (RequestFault.BUSY, retry_after_s)
