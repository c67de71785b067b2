"""An application as the public samples are, on another WebSocket library."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trio
from websockets.sync.server import ServerConnection, serve

from relay.relay_desk import CALL, FakeDesk
from relay.rig import WAIT_S
from trioaudio.api.commands import HangUp
from trioaudio.relay.runner import run_relay

ANSWERS = {"1": ["Your ", "order ", "is on ", "its way."], "2": ["We open ", "at nine."]}


def converse(websocket: ServerConnection) -> None:
    """Greet, stream an answer to each key, correct the history on interrupts, end on 9."""
    history: list[str] = []
    for received in websocket:
        message: dict[str, Any] = json.loads(received)
        match message["type"]:
            case "setup":
                tell(websocket, [f"Hello {message['customParameters']['name']}, ", "press a key."])
            case "dtmf" if message["digit"] in ANSWERS:
                history.append("".join(ANSWERS[message["digit"]]))
                tell(websocket, ANSWERS[message["digit"]])
            case "interrupt" if history:
                heard = message["utteranceUntilInterrupt"]
                assert heard in history[-1]
                history[-1] = heard
            case "dtmf":
                handoff = json.dumps({"history": history})
                websocket.send(json.dumps({"type": "end", "handoffData": handoff}))
            case _:
                pass


def tell(websocket: ServerConnection, tokens: list[str]) -> None:
    for token in tokens:
        websocket.send(json.dumps({"type": "text", "token": token, "last": False}))
    websocket.send(json.dumps({"type": "text", "token": "", "last": True}))


@contextmanager
def sample() -> Iterator[str]:
    with serve(converse, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/ws"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("key", ["1", "2"])
async def test_a_sample_application_conducts_a_call(key: str) -> None:
    desk = FakeDesk(labels={"name": "Asha"})

    def said(number: int) -> bool:
        return number in desk.spoken and not desk.spoken[number].open

    async def be_called() -> None:
        await desk.wait_until(lambda: said(1))
        desk.complete(1)
        desk.press(key)
        await desk.wait_until(lambda: said(2))
        desk.take_text(2, 5)
        desk.press("9")

    with sample() as url, trio.fail_after(WAIT_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(be_called)
            ended = await run_relay(desk, CALL, url)
    assert desk.spoken[1].text == "Hello Asha, press a key."
    assert desk.spoken[2].text == "".join(ANSWERS[key])
    assert ended.status == "ended"
    assert json.loads(ended.handoff_data or "") == {"history": ["".join(ANSWERS[key])[:5]]}
    assert desk.commands[-1] == HangUp()
