"""How calls come about without REST: dialled, walked in, by AudioSocket; and who may ask."""

from __future__ import annotations

import stat
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import trio

from daemon.carriers import listening_carrier, until_knocked
from daemon.daemon_rig import Node, knock, node, raw_carrier, wait_for
from trioaudio.api.events import CallAnswered, CallEnded, CallStarted
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.requests import NewCall
from trioaudio.client import Client, ProblemError
from trioaudio.core.audiosocket_unit import AUDIO_KINDS, Kind, unit
from trioaudio.daemon.admission import Stage
from trioaudio.observe.load_limits import Overload


async def ended(made: Node, call: str) -> CallEnded:
    event = await made.event("call.ended", call=call)
    assert isinstance(event, CallEnded)
    return event


# --- Dialled -----------------------------------------------------------------------------


async def test_a_carrier_is_dialled_where_that_is_allowed(tmp_path: Path) -> None:
    async with listening_carrier() as carrier:
        allow = f"{carrier.url}/prompts|{carrier.url}/media/"
        async with node(tmp_path, url_allow=allow, carriers="raw,twilio") as made:
            for path in (
                "/prompts-evil",
                "/",
                "/media",
                "/prompts/../admin",
                "/media/%2e%2e/admin",
                "/prompts\\..\\admin",
            ):
                if path == "/media":
                    continue  # the slash at the prefix's end is of no account
                with pytest.raises(ProblemError) as caught:
                    await made.client.create_call(carrier="raw", url=f"{carrier.url}{path}")
                assert caught.value.status == 403, path
            with pytest.raises(ProblemError) as caught:
                await made.client.create_call(
                    carrier="raw", url=carrier.url.replace("ws://", "ws://user@") + "/prompts"
                )
            assert caught.value.status == 403
            assert carrier.requests == []

            trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            call = await made.client.create_call(
                carrier="raw", url=f"{carrier.url}/prompts/1", traceparent=trace
            )
            answered = await made.event("call.answered")
            assert isinstance(answered, CallAnswered)
            (request,) = carrier.requests
            assert request.path == "/prompts/1"
            assert dict(request.headers)[b"traceparent"] == trace.encode()
            said = await call.say("Hello.")
            await made.event("utterance.completed", utterance=said.number)
            assert len(carrier.heard) >= 960
            await call.hang_up()
            event = await ended(made, call.id)
            assert (event.cause, event.record["traceparent"]) == ("hung-up", trace)
            await made.gone()


async def test_nothing_may_be_dialled_unless_it_is_said(tmp_path: Path) -> None:
    async with node(tmp_path) as made:
        with pytest.raises(ProblemError, match="TRIOAUDIO_URL_ALLOW"):
            await made.client.create_call(carrier="raw", url="ws://127.0.0.1:9/")


async def test_nobody_is_there_to_be_dialled(tmp_path: Path) -> None:
    async with node(tmp_path, url_allow="ws://127.0.0.1:9/") as made:
        call = await made.client.create_call(carrier="raw", url="ws://127.0.0.1:9/x")
        event = await ended(made, call.id)
        assert event.cause == "not-answered"
        assert "127.0.0.1:9" in event.reason


# --- Walked in ---------------------------------------------------------------------------


async def test_asterisk_by_a_uuid(tmp_path: Path) -> None:
    async with node(tmp_path, carriers="audiosocket,raw", greeting="Hello.") as made:
        parts = urlsplit(made.addresses.media)
        async with await trio.open_tcp_stream(str(parts.hostname), parts.port or 0) as asterisk:
            await asterisk.send_all(unit(Kind.IDENTITY, uuid.uuid4().bytes))
            started = await made.event("call.started")
            assert isinstance(started, CallStarted)
            assert started.carrier == "audiosocket"
            heard = b""
            with trio.fail_after(20):
                while len(heard) < 5000:
                    heard += await asterisk.receive_some(65_536)
            assert heard[0] == AUDIO_KINDS[8000]
            await made.event("utterance.completed", cause="normal")
            await asterisk.send_all(unit(Kind.HANG_UP))
            await made.event("call.ended", call=started.call)


async def test_an_expected_asterisk_by_its_own_uuid(tmp_path: Path) -> None:
    async with node(tmp_path, carriers="audiosocket", media_auth="tokens") as made:
        call = await made.client.create_call(carrier="audiosocket")
        url = (await call.view()).media_url
        assert url is not None
        own = uuid.UUID(url.rpartition("/")[2])
        parts = urlsplit(made.addresses.media)
        async with await trio.open_tcp_stream(str(parts.hostname), parts.port or 0) as stranger:
            await stranger.send_all(unit(Kind.IDENTITY, uuid.uuid4().bytes))
            with trio.fail_after(20):
                while await stranger.receive_some(1000):
                    pass
        async with await trio.open_tcp_stream(str(parts.hostname), parts.port or 0) as asterisk:
            await asterisk.send_all(unit(Kind.IDENTITY, own.bytes))
            await made.event("call.answered", call=call.id)


async def test_who_walks_in_is_refused_when_the_node_leaves(tmp_path: Path) -> None:
    async with (
        node(tmp_path) as made,
        raw_carrier(f"{made.addresses.media}/media/raw"),
    ):
        await made.event("call.answered")
        await made.client.drain()
        assert await knock(f"{made.addresses.media}/media/raw") == 503
        with pytest.raises(ProblemError) as caught:
            await made.client.create_call(carrier="raw")
        assert caught.value.status == 503


async def test_a_carrier_that_is_not_enabled_does_not_walk_in(tmp_path: Path) -> None:
    async with node(tmp_path, carriers="raw") as made:
        assert await knock(f"{made.addresses.media}/media/twilio") == 404
        assert await knock(f"{made.addresses.media}/media/nobody") == 404
        assert len(made.daemon.roll) == 0


# --- How many ----------------------------------------------------------------------------


async def test_not_one_too_many_however_many_ask_at_once(tmp_path: Path) -> None:
    async with node(tmp_path, calls_most="2") as made:
        outcomes: list[str | RequestFault] = []

        async def create() -> None:
            try:
                outcomes.append((await made.desk.create_call(NewCall(carrier="raw"), None)).state)
            except RequestError as exc:
                outcomes.append(exc.fault)

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(create)
        assert outcomes.count("expected") == 2
        assert outcomes.count(RequestFault.BUSY) == 3
        assert len(made.daemon.roll) == 2


async def test_a_busy_process_takes_no_calls(tmp_path: Path) -> None:
    async with node(tmp_path, cpu_most="0.5") as made:
        load = made.daemon.load
        load._overload = Overload("cpu", "the CPU is 99% busy; 50% is the most")
        with pytest.raises(ProblemError, match="99%") as caught:
            await made.client.create_call(carrier="raw")
        assert (caught.value.status, caught.value.problem.retry_after_s) == (503, 5.0)
        node_view = await made.client.node()
        assert (node_view.state, node_view.reason) == ("full", load._overload.detail)
        await wait_for(lambda: made.daemon.switchboard is not None)
        await until_knocked(f"{made.addresses.media}/media/raw", 503)
        load._overload = None
        call = await made.client.create_call(carrier="raw")
        assert (await call.view()).state == "expected"
        await until_knocked(f"{made.addresses.media}/media/raw", 101)


# --- Who may ask -------------------------------------------------------------------------


async def test_what_is_open_and_what_is_not(tmp_path: Path) -> None:
    async with node(tmp_path) as made:
        token = tmp_path / "state" / "control.token"
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
        async with httpx.AsyncClient(base_url=made.addresses.control) as http:
            for path in ("/livez", "/readyz", "/metrics", "/openapi.json"):
                assert (await http.get(path)).status_code == 200, path
            for path in ("/v1/node", "/v1/calls", "/v1/engines"):
                assert (await http.get(path)).status_code == 401, path
            assert (await http.post("/v1/drain")).status_code == 401
            assert made.daemon.admission.stage is Stage.READY
            wrong = {"Authorization": "Bearer not-the-token-at-all"}
            assert (await http.get("/v1/node", headers=wrong)).status_code == 401
            right = {"Authorization": f"Bearer {token.read_text().strip()}"}
            view = (await http.get("/v1/node", headers=right)).json()
            assert view["carriers"] == ["raw", "twilio"]
            assert view["media_urls"] == [
                f"{made.addresses.media}/media/raw",
                f"{made.addresses.media}/media/twilio",
            ]


async def test_control_over_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with node(tmp_path, control_listen=str(path)) as made:
        assert made.addresses.control == str(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        environ = {
            "TRIOAUDIO_CONTROL_LISTEN": str(path),
            "TRIOAUDIO_STATE_FOLDER": str(tmp_path / "state"),
        }
        async with Client(environ=environ) as client:
            call = await client.create_call(carrier="raw")
            async with client.stream() as stream:
                await stream.subscribe(events=["call.ended"])
                await stream.call(call.id).hang_up()
                told = await stream.__anext__()
                assert isinstance(told, CallEnded)
                assert told.call == call.id
    assert not path.exists()
