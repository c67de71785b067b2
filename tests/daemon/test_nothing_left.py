"""Nothing of what is over waits for the garbage collector, which on a busy node never comes by."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from daemon.daemon_rig import Node, node, raw_carrier, wait_closed
from trioaudio.calls.live_call import LiveCall
from trioaudio.client import Client
from trioaudio.control.connections import Connection
from trioaudio.core.front_end.text_filter import TextFilter
from trioaudio.net.media_socket import MediaSocket
from trioaudio.net.websocket import WebSocketMedia
from trioaudio.utterances import Say

OURS = (LiveCall, MediaSocket, WebSocketMedia, Say, TextFilter, Connection)
CALLS = 3


def there() -> Counter[str]:
    return Counter(type(each).__name__ for each in gc.get_objects() if type(each) in OURS)


async def a_call(made: Node, folder: Path) -> None:
    """A call that is made, answered, and says something whole and something in pieces."""
    token = (folder / "state" / "control.token").read_text().strip()
    async with Client(made.addresses.control, token) as client:
        call = await client.create_call(carrier="raw")
        url = (await call.view()).media_url
        assert url is not None
        async with raw_carrier(url) as carrier, trio.open_nursery() as nursery:
            nursery.start_soon(wait_closed, carrier)
            await made.event("call.answered", call=call.id)
            said = await call.say("Good day. It is 12:30.")
            await made.event("utterance.completed", call=call.id, utterance=said.number)
            await call.say("This is *cut* in the middle of what is to be said.")
            await made.event("utterance.started", call=call.id)
            await call.hang_up()
            await made.event("call.ended", call=call.id)
    await made.gone()


async def never(calls: Callable[[], int]) -> None:
    del calls
    await trio.sleep_forever()


async def test_what_is_over_is_gone_without_a_collection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trioaudio.daemon.tree.collect_steadily", never)
    monkeypatch.setattr("trioaudio.turns.SPARE", 0)  # else it holds a few that were due later
    async with node(tmp_path) as made:
        await a_call(made, tmp_path)
        gc.collect()
        before = there()
        gc.disable()
        try:
            for _ in range(CALLS):
                await a_call(made, tmp_path)
            await trio.sleep(0.2)  # sockets of the last one are closed a little later
            left = there()
            # The pacer's heap may hold one that would have been due later.
            assert {
                kind: left[kind] - before[kind] for kind in left if left[kind] - before[kind] > 1
            } == {}
        finally:
            gc.enable()
