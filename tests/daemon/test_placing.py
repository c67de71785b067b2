"""Calls that a carrier's REST interface places, from the number to the record."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from daemon.carriers import TELNYX, dialled_in, hear_media, start_stream, telnyx
from daemon.daemon_rig import Node, node, wait_closed, wait_for
from net.rest_sides import ACCOUNT
from trioaudio.api.events import CallAnswered, CallEnded, ControlFailed
from trioaudio.api.views import CallView
from trioaudio.client import ProblemError
from trioaudio.core.webhook import CallStage, IncomingCall
from trioaudio.simulators.rest_serving import OpenRest, RestOptions, open_rest

TO = "+919800000000"
PROOF = {"x-telnyx-streaming-auth-token": "stream-token"}


def options(*faults: str, dials: bool = False) -> RestOptions:
    return RestOptions(
        "telnyx", account=ACCOUNT, faults=faults, dials=dials, stream_secret="stream-token"
    )


async def placed(made: Node, opened: OpenRest, **wishes: object) -> CallView:
    call = await made.client.create_call(carrier="telnyx", to=TO, **wishes)  # type: ignore[arg-type]
    await wait_for(lambda: bool(opened.placed))
    return await call.view()


async def ended(made: Node, call: str) -> CallEnded:
    event = await made.event("call.ended", call=call)
    assert isinstance(event, CallEnded)
    return event


async def test_a_call_from_the_number_to_the_record(tmp_path: Path) -> None:
    async with (
        open_rest(options()) as opened,
        node(tmp_path, **telnyx(opened)) as made,
    ):
        view = await placed(made, opened, labels={"case": "7"})
        assert (view.state, view.to, view.caller_id) == ("placing", TO, "+918040000000")
        assert view.media_url is None  # it is for the carrier alone
        (target,) = opened.placed
        async with dialled_in(target.url, dict(target.headers)) as carrier:
            (call_id,) = opened.desk._live
            await start_stream(carrier, call_id)
            answered = await made.event("call.answered")
            assert isinstance(answered, CallAnswered)
            assert answered.carrier_call_id == call_id
            call = made.client.call(view.call)
            await call.say("Hello, it is me.")
            await hear_media(carrier, 10)
            await made.event("utterance.completed", cause="normal")
            await call.hang_up()
            event = await ended(made, view.call)
            assert event.cause == "hung-up"
            assert await wait_closed(carrier) == 1000
        assert opened.ended == [call_id]
        assert event.record["to"] == TO
        assert event.record["carrier_call_id"] == call_id
        assert event.record["labels"] == {"case": "7"}
        await made.gone()
        assert opened.requests.total() == 2


async def test_a_transfer_and_then_it_is_not_ours_to_end(tmp_path: Path) -> None:
    async with (
        open_rest(options()) as opened,
        node(tmp_path, **telnyx(opened)) as made,
    ):
        view = await placed(made, opened)
        async with dialled_in(opened.placed[0].url, PROOF) as carrier:
            (call_id,) = opened.desk._live
            await start_stream(carrier, call_id)
            await made.event("call.answered")
            call = made.client.call(view.call)
            await call.transfer("+911234567890")
            await wait_for(lambda: opened.transferred == [call_id])
            await carrier.aclose()
            assert (await ended(made, view.call)).cause == "transferred"
        await made.gone()
        assert opened.ended == []


async def test_the_carrier_says_no(tmp_path: Path) -> None:
    async with (
        open_rest(options("refuse=403")) as opened,
        node(tmp_path, **telnyx(opened)) as made,
    ):
        call = await made.client.create_call(carrier="telnyx", to=TO, first=[])
        event = await ended(made, call.id)
        assert event.cause == "carrier-refused"
        assert "403" in event.reason
        assert ACCOUNT.secret not in event.reason
        assert opened.ended == []
        await made.gone()
        assert made.desk.works.calls == 0


async def test_nobody_answers_and_the_telephone_stops_ringing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trioaudio.placement.CONNECT_MARGIN_S", 0.0)
    async with (
        open_rest(options()) as opened,
        node(tmp_path, **telnyx(opened)) as made,
    ):
        call = await made.client.create_call(carrier="telnyx", to=TO, ring_s=5)
        live = made.daemon.roll.find_live(call.id)
        await wait_for(lambda: bool(opened.placed))
        began = trio.current_time()
        assert live.state == "placing"
        event = await ended(made, call.id)
        assert 4 <= trio.current_time() - began < 10
        assert event.cause == "not-answered"
        await wait_for(lambda: len(opened.ended) == 1)


async def test_the_carrier_tells_that_it_is_busy(tmp_path: Path) -> None:
    """Its status webhook names the call as its REST interface did: there is no stream yet."""
    async with (
        open_rest(options()) as opened,
        node(tmp_path, **telnyx(opened)) as made,
    ):
        view = await placed(made, opened)
        (call_id,) = opened.desk._live
        live = made.daemon.roll.find_live(view.call)
        await wait_for(lambda: getattr(live.control, "call_id", None) == call_id)
        over = IncomingCall(call_id=call_id, stage=CallStage.OVER, status="busy", inbound=False)
        made.desk.switchboard.told("telnyx", over)
        event = await ended(made, view.call)
        assert event.cause == "not-answered"
        assert "busy" in event.reason


async def test_hung_up_while_it_rings(tmp_path: Path) -> None:
    async with (
        open_rest(options()) as opened,
        node(tmp_path, **telnyx(opened)) as made,
    ):
        view = await placed(made, opened)
        await made.client.call(view.call).hang_up()
        assert (await ended(made, view.call)).cause == "hung-up"
        await wait_for(lambda: len(opened.ended) == 1)
        await made.gone()


async def test_a_number_that_is_none(tmp_path: Path) -> None:
    async with (
        open_rest(options()) as opened,
        node(tmp_path, **telnyx(opened)) as made,
    ):
        call = await made.client.create_call(carrier="telnyx", to="nobody", first=[])
        event = await ended(made, call.id)
        assert event.cause == "carrier-refused"
        assert "nobody" in event.reason
        assert opened.requests.total() == 0


async def test_what_cannot_be_placed_is_refused_at_once(tmp_path: Path) -> None:
    async with node(tmp_path, carriers="raw,telnyx", telnyx_stream_token="x" * 20) as made:
        for wishes, status, word in (
            ({"carrier": "telnyx", "to": TO}, 422, "credentials"),
            ({"carrier": "raw", "to": TO}, 422, "places no calls"),
            ({"carrier": "nobody"}, 422, "not enabled"),
            ({"carrier": "telnyx", "url": "ws://127.0.0.1:9/"}, 422, "cannot be dialled"),
            ({"carrier": "raw", "url": "ws://127.0.0.1:9/", "to": TO}, 422, "one of to and url"),
            ({"carrier": "raw", "sample_rate": 11_025}, 422, "11025"),
        ):
            with pytest.raises(ProblemError) as caught:
                await made.client.create_call(**wishes)
            assert caught.value.status == status, caught.value
            assert word in str(caught.value)
        assert (await made.client.calls()) == []
        assert made.desk.works.calls == 0
    with_credentials = {**TELNYX, "caller_id": "", "telnyx_rest_url": "http://127.0.0.1:9"}
    async with node(tmp_path, **with_credentials) as made:
        with pytest.raises(ProblemError, match="caller_id is missing"):
            await made.client.create_call(carrier="telnyx", to=TO)


async def test_a_hang_up_the_carrier_does_not_do_is_told(tmp_path: Path) -> None:
    async with (
        open_rest(options("refuse=403@#2")) as opened,
        node(tmp_path, **telnyx(opened)) as made,
    ):
        view = await placed(made, opened)
        async with dialled_in(opened.placed[0].url, PROOF) as carrier:
            (call_id,) = opened.desk._live
            await start_stream(carrier, call_id)
            await made.event("call.answered")
            await made.client.call(view.call).hang_up()
            failed = await made.event("control.failed")
            assert isinstance(failed, ControlFailed)
            assert failed.what == "hang up"
            assert (await ended(made, view.call)).cause == "hung-up"
            assert await wait_closed(carrier) == 1000
