"""Calls placed at a simulated carrier, and the telephones that must not be left ringing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import attrs
import pytest
import trio
from websockets.exceptions import ConnectionClosed
from websockets.trio.client import connect as dial_websocket

from net.rest_sides import ACCOUNT, settings_for
from trioaudio.call_control import load_call_control
from trioaudio.carriers import load_carrier
from trioaudio.core.call_control import CallOrder
from trioaudio.core.carrier import Transfer
from trioaudio.core.connection import Connect
from trioaudio.core.errors import ConfigError, LegLostError, LegRefusedError
from trioaudio.core.facts import CallControlFailed, CallPlaced, Fact
from trioaudio.far_end import FarEnd, awaited
from trioaudio.placed_call import WantedCall, placed
from trioaudio.settings import Settings
from trioaudio.simulators.rest_serving import OpenRest, RestOptions, open_rest

ORDER = CallOrder("+919800000000", "+918040000000")


@attrs.define(eq=False)
class Scene:
    """A call about to be placed, the carrier's REST side, and what was told."""

    opened: OpenRest
    far_end: FarEnd
    was_placed: trio.Event
    told: list[Fact]

    @property
    def call_id(self) -> str | None:
        """What the carrier calls the call it has placed."""
        (call,) = (fact for fact in self.told if isinstance(fact, CallPlaced))
        return call.call_id

    @property
    def failures(self) -> list[str]:
        """What could not be had of the carrier."""
        return [fact.reason for fact in self.told if isinstance(fact, CallControlFailed)]

    async def dial_back(self) -> None:
        """Be the carrier: dial the media URL that was asked for, and stay."""
        await self.was_placed.wait()
        async with dial_websocket(self.opened.placed[0].url) as websocket:
            with suppress(ConnectionClosed):
                async for _ in websocket:
                    pass


@asynccontextmanager
async def a_scene(
    name: str = "vonage", *, faults: Sequence[str] = (), order: CallOrder = ORDER
) -> AsyncIterator[Scene]:
    options = RestOptions(name, account=ACCOUNT, faults=tuple(faults), dials=False)
    async with open_rest(options) as opened, placed_at(opened, name, order) as scene:
        yield scene


@asynccontextmanager
async def placed_at(opened: OpenRest, name: str, order: CallOrder = ORDER) -> AsyncIterator[Scene]:
    settings = Settings(authentication="off", shutdown_s=2.0, rest_timeout_s=1.0)
    carrier = load_carrier(name)
    own = settings_for(name, opened.url)
    wanted = WantedCall(
        order, load_call_control(name), own, carrier.media_format(own, 8000), carrier.hangs_up
    )
    told: list[Fact] = []
    was_placed = trio.Event()

    def tell(fact: Fact) -> None:
        told.append(fact)
        if isinstance(fact, CallPlaced):
            was_placed.set()

    waiting = awaited(settings, carrier, "127.0.0.1", 0)
    async with placed(settings, wanted, waiting, tell) as far_end:
        yield Scene(opened, far_end, was_placed, told)


def wrong_settings(beginning: str) -> pytest.RaisesGroup[ConfigError]:
    expected = pytest.RaisesExc(ConfigError, match=f"^{re.escape(beginning)}")
    return pytest.RaisesGroup(expected, flatten_subgroups=True, allow_unwrapped=True)


async def test_nobody_is_called_before_the_connection_is_wanted() -> None:
    async with a_scene("telnyx") as scene:
        await trio.sleep(0.05)
        assert scene.opened.requests.total() == 0
    assert scene.opened.requests.total() == 0


async def test_a_stream_that_is_over_does_not_say_that_the_call_is() -> None:
    async with a_scene("telnyx") as scene, trio.open_nursery() as nursery:
        nursery.start_soon(scene.dial_back)
        async with scene.far_end.connect(5.0) as connection:
            assert connection.peer
            assert scene.call_id is not None
    assert scene.opened.ended == [scene.call_id]
    assert scene.failures == []


async def test_a_call_that_was_ended_is_not_ended_again() -> None:
    async with a_scene("telnyx") as scene, trio.open_nursery() as nursery:
        nursery.start_soon(scene.dial_back)
        async with scene.far_end.connect(5.0):
            assert scene.far_end.control is not None
            await scene.far_end.control.hang_up(None)
    assert scene.opened.ended == [scene.call_id]


async def test_a_call_that_was_transferred_is_not_ours_to_end() -> None:
    async with a_scene("telnyx") as scene, trio.open_nursery() as nursery:
        nursery.start_soon(scene.dial_back)
        async with scene.far_end.connect(5.0):
            assert scene.far_end.control is not None
            await scene.far_end.control.transfer(None, Transfer(("+918040000001",)))
    assert scene.opened.ended == []


async def test_a_stream_cannot_have_somebody_elses_call_ended() -> None:
    async with a_scene("telnyx") as scene, trio.open_nursery() as nursery:
        nursery.start_soon(scene.dial_back)
        async with scene.far_end.connect(5.0):
            assert scene.far_end.control is not None
            await scene.far_end.control.hang_up("somebody-elses")
    assert scene.opened.ended == [scene.call_id]


async def test_a_call_is_placed_once_however_often_it_is_connected() -> None:
    async with a_scene("telnyx") as scene:
        for _ in range(2):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(scene.dial_back)
                async with scene.far_end.connect(5.0):
                    pass
        with pytest.raises(LegLostError) as lost:
            async with scene.far_end.connect(0.05):
                pass
        assert "placed the call" not in str(lost.value)
        assert len(scene.opened.placed) == 1


async def test_when_nobody_connects_the_telephone_stops_ringing() -> None:
    async with a_scene("telnyx") as scene:
        with pytest.raises(LegLostError, match=r"telnyx placed the call and did not connect"):
            async with scene.far_end.connect(0.1):
                pass
    assert scene.opened.ended == [scene.call_id]


async def test_told_to_stop_while_it_rings() -> None:
    async with a_scene("telnyx") as scene:
        with trio.move_on_after(0.3):
            async with scene.far_end.connect(None):
                pass
    assert scene.opened.ended == [scene.call_id]


async def test_told_to_stop_while_the_carrier_still_thinks() -> None:
    options = RestOptions("telnyx", account=ACCOUNT, faults=("slow=400@#1",), dials=False)
    async with open_rest(options) as opened:
        with trio.move_on_after(0.2) as scope:
            async with placed_at(opened, "telnyx") as scene, scene.far_end.connect(None):
                pass
        assert scope.cancelled_caught
        assert len(opened.ended) == 1


async def test_a_carrier_that_thinks_for_ever_is_left() -> None:
    options = RestOptions("telnyx", account=ACCOUNT, faults=("silent",), dials=False)
    async with open_rest(options) as opened:
        began = trio.current_time()
        with trio.move_on_after(0.2):
            async with placed_at(opened, "telnyx") as scene, scene.far_end.connect(None):
                pass
        assert 1.0 <= trio.current_time() - began < 10.0
        assert len(scene.failures) == 1
        assert "may still be up" in scene.failures[0]


async def test_a_refusal_comes_out_of_connect() -> None:
    async with a_scene("telnyx", faults=["refuse=403"]) as scene:
        with pytest.raises(LegRefusedError, match=r"telnyx refuses \(HTTP 403, code 10403\)"):
            async with scene.far_end.connect(5.0):
                pass
        assert scene.far_end.control is not None
        await scene.far_end.control.hang_up(None)  # there is nothing to end
    assert scene.opened.requests.total() == 1


async def test_nobody_knows_whether_an_unanswered_request_was_done() -> None:
    async with a_scene("telnyx", faults=["drop-after"]) as scene:
        with pytest.raises(LegRefusedError, match="it may have done what it was asked"):
            async with scene.far_end.connect(5.0):
                pass


async def test_a_key_file_that_is_none_is_told() -> None:
    own = settings_for("vonage", "http://127.0.0.1:9", None)
    carrier = load_carrier("vonage")
    media = carrier.media_format(own, 8000)
    wanted = WantedCall(ORDER, load_call_control("vonage"), own, media, ends_by_message=False)
    settings = Settings(authentication="off")
    waiting = awaited(settings, carrier, "127.0.0.1", 0)
    with pytest.raises(ConfigError, match="PRIVATE_KEY_FILE"):
        async with placed(settings, wanted, waiting, lambda _fact: None):
            pass


async def test_the_call_is_checked_before_anybody_is_called() -> None:
    with wrong_settings("to='nobody'"):
        async with a_scene("telnyx", order=CallOrder("nobody", "+918040000000")):
            pass


@asynccontextmanager
async def listening_at(url: str) -> AsyncIterator[FarEnd]:
    connect: Connect = lambda _wait_s: pytest.fail("nobody is waited for")  # noqa: E731
    yield FarEnd(connect, url)


@pytest.mark.parametrize(
    "host",
    [
        *("0.0.0.0", "[::]", "0", "127.0.0.1", "127.0.0.2", "127.1", "[::1]"),  # noqa: S104
        *("[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "localhost", "localhost.", "a.localhost"),
    ],
)
async def test_an_address_nobody_can_dial_is_refused(host: str) -> None:
    carrier = load_carrier("telnyx")
    own = settings_for("telnyx", "https://api.telnyx.example")
    media = carrier.media_format(own, 8000)
    wanted = WantedCall(ORDER, load_call_control("telnyx"), own, media, ends_by_message=False)
    with wrong_settings("TRIOAUDIO_PUBLIC_URL: "):
        listening = listening_at(f"wss://{host}:8080/media")
        async with placed(Settings(), wanted, listening, lambda _fact: None):
            pass


async def test_a_carrier_that_cannot_be_steered_has_no_control() -> None:
    async with a_scene("exotel") as scene:
        assert scene.far_end.control is None
    async with a_scene("telnyx") as scene:
        assert scene.far_end.control is not None


async def test_a_document_the_carrier_fetches_is_served_for_the_call() -> None:
    order = attrs.evolve(ORDER, answer_at=("127.0.0.1", 0))
    options = RestOptions("vobiz", account=ACCOUNT, dials=True)
    async with open_rest(options) as opened, placed_at(opened, "vobiz", order) as scene:
        with trio.fail_after(20):
            async with scene.far_end.connect(None) as connection:
                await connection.close()
        (target,) = opened.placed
        assert target.url == scene.far_end.url


async def test_an_answer_url_nobody_can_fetch_is_refused() -> None:
    carrier = load_carrier("plivo")
    own = attrs.evolve(
        settings_for("plivo", "http://127.0.0.1:9"), rest_url="https://plivo.example"
    )  # type: ignore[call-arg]
    order = attrs.evolve(ORDER, answer_at=("127.0.0.1", 0))
    media = carrier.media_format(own, 8000)
    wanted = WantedCall(order, load_call_control("plivo"), own, media, ends_by_message=False)
    listening = listening_at("wss://voice.example.com/media/x")
    with wrong_settings("--answer-url: plivo cannot reach 127.0.0.1"):
        async with placed(Settings(), wanted, listening, lambda _fact: None):
            pass
