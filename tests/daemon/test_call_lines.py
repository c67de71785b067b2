"""Log lines about a call: each names it, its carrier and the carrier's id, and none says a text."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio
from trio_websocket import WebSocketConnection, wrap_client_stream

from daemon.carriers import hear_media, start_stream, telnyx
from daemon.daemon_rig import Node, node, wait_for
from net.rest_sides import ACCOUNT
from trioaudio.api.events import CallEnded
from trioaudio.calls.live_call import LiveCall
from trioaudio.core.connection import Connect
from trioaudio.observe.logs import open_logging
from trioaudio.simulators.rest_serving import OpenRest, RestOptions, open_rest
from trioaudio.simulators.services.service import OpenService, open_service
from trioaudio.simulators.services.studio import ServiceOptions

TO = "+919800000000"
WORD = "zanzibar"
TEXT = f"This is about {WORD}, which is an island that lies before the coast of Africa."
OF_THE_NODE = {
    *("listening", "ready", "engine not asked for a while", "a task held the event loop"),
}
OF_UTTERANCES = {
    *("FirstFrameSent", "UtteranceSent", "utterance completed", "engine failed; another goes on"),
    *("connection ended", "recovering"),  # in the middle of one
}
HEAD = ("timestamp", "level", "logger", "event")


def settings_of(opened: OpenRest, service: OpenService, log_text: str) -> dict[str, Any]:
    own = {"engine": "sarvam", "sarvam_url": service.websocket_url, "sarvam_api_key": "sk-012345"}
    return {**telnyx(opened), **own, "cache_mb": "0", "log_text": log_text}


@contextmanager
def heard_lines(level: str = "debug") -> Iterator[list[dict[str, Any]]]:
    """Give what is logged while the block runs, complete at its end."""
    events: list[dict[str, Any]] = []
    with open_logging(level, "json", console=lambda line: events.append(json.loads(line))):
        yield events


@asynccontextmanager
async def dialled(url: str) -> AsyncIterator[tuple[WebSocketConnection, trio.SocketStream]]:
    """A carrier that dials in with its proof, and whose connection can be cut."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    proof = [(b"x-telnyx-streaming-auth-token", b"stream-token")]
    stream = await trio.open_tcp_stream(parts.hostname, parts.port)
    async with stream, trio.open_nursery() as nursery:
        connection = await wrap_client_stream(
            nursery, stream, parts.netloc, parts.path, extra_headers=proof
        )
        yield connection, stream
        nursery.cancel_scope.cancel()


async def everything_happens(made: Node, url: str, call_id: str, call: str) -> CallEnded:
    """Have one call with all that can go wrong, and no bug."""
    handle = made.client.call(call)
    async with dialled(url) as (carrier, stream):
        await start_stream(carrier, call_id)
        await made.event("call.answered")
        await handle.say(TEXT)  # the first engine has no sound for it: another goes on
        await hear_media(carrier, 5)
        await carrier.send_message('{"event":"dtmf","dtmf":{"digit":"5"},"stream_id":"MZ1"}')
        await carrier.send_message('{"event":"nobody knows this"}')
        await carrier.send_message('{"event":"error","payload":{"code":1,"title":"odd"}}')
        await handle.barge_in()
        await made.event("utterance.completed", cause="barge-in")
        await handle.say(TEXT)
        await hear_media(carrier, 5)
        await stream.aclose()  # lost in the middle of it
    await made.event("call.lost")
    async with dialled(url) as (carrier, _):
        await start_stream(carrier, call_id, "MZ2")
        await made.event("call.returned")
        await hear_media(carrier, 5)
        logging.getLogger("other.library").warning("of no call")
        await handle.hang_up()
        ended = await made.event("call.ended", call=call)
    assert isinstance(ended, CallEnded)
    return ended


@pytest.mark.parametrize("log_text", ["no", "yes"])
async def test_every_line_about_a_call_names_it_and_none_says_its_text(
    tmp_path: Path, log_text: str
) -> None:
    options = RestOptions("telnyx", account=ACCOUNT, dials=False, stream_secret="stream-token")
    with heard_lines() as lines:
        async with (
            open_rest(options) as opened,
            # Its engine quotes the text that no sound came of.
            open_service("sarvam", ServiceOptions(faults=("no-audio",))) as service,
            node(tmp_path, **settings_of(opened, service, log_text)) as made,
        ):
            view = await made.client.create_call(carrier="telnyx", to=TO)
            call = (await view.view()).call
            await wait_for(lambda: bool(opened.placed))
            (call_id,) = opened.desk._live
            ended = await everything_happens(made, opened.placed[0].url, call_id, call)
            await made.gone()
    about = [each for each in lines if each.get("call") == call]
    events = [each["event"] for each in about]
    for wanted in (
        "call placed",
        "carrier connected",
        "FirstFrameSent",
        "engine failed; another goes on",
        "barge-in",
        "utterance completed",
        "connection ended",
        "recovering",
        "control",
        "call.end",
    ):
        assert wanted in events, wanted
    begun = events.index("carrier connected")
    assert {each["carrier"] for each in about} == {"telnyx"}
    assert {each["carrier_call_id"] for each in about[begun + 1 :]} == {call_id}
    for each in about:
        if each["event"] in OF_UTTERANCES:
            assert each["utterance"] in {1, 2}, each
    others = {
        each["event"]
        for each in lines
        if "call" not in each and each["logger"].startswith("trioaudio")
    }
    assert others <= OF_THE_NODE
    with_text = [each["event"] for each in lines if WORD in json.dumps(each)]
    assert with_text == ([] if log_text == "no" else ["utterance completed"] * 2)

    switched = [each for each in about if each["event"] == "engine failed; another goes on"]
    assert {"returned no audio for '…'" in each["reason"] for each in switched} == {True}

    [end] = [each for each in lines if each["event"] == "call.end"]
    assert {key: end[key] for key in end if key not in HEAD} == ended.record
    [kept] = (tmp_path / "state/calls.jsonl").read_text().splitlines()
    assert json.loads(kept) == ended.record


async def test_other_libraries_lines_in_a_call_s_tasks_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = LiveCall.run

    async def run_oddly(self: LiveCall, connect: Connect) -> None:
        logging.getLogger("somebody").warning("odd")
        await trio.to_thread.run_sync(logging.getLogger("a.thread").warning, "odd too")
        await run(self, connect)

    monkeypatch.setattr(LiveCall, "run", run_oddly)
    with heard_lines("info") as lines:
        async with node(tmp_path, carriers="raw", media_auth="tokens") as made:
            call = await made.client.create_call(carrier="raw")
            await wait_for(lambda: any(each["event"] == "odd too" for each in lines))
            await call.hang_up()
            await made.gone()
    for event in ("odd", "odd too", "call.end"):
        [line] = [each for each in lines if each["event"] == event]
        assert (line["call"], line["carrier"]) == (call.id, "raw")
        assert line["carrier_call_id"] is None  # the raw carrier has none
