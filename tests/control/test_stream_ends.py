from __future__ import annotations

import pytest
import trio

from control.control_rig import control_rig
from control.stream_client import dtmf, stream_of, wait_until
from control.test_http import kind_of
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.calls.hub import EVENTS_AHEAD
from trioaudio.control.tokens import remove_token

SUBSCRIBE = {"kind": "subscribe"}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AQIDBAUGBwgJCgsMDQ4PEA==",
}


async def test_a_client_that_is_too_slow_is_cut() -> None:
    async with control_rig() as rig, stream_of(rig) as stream:
        call = await rig.new_call()
        await stream.ask(SUBSCRIBE)
        for _ in range(EVENTS_AHEAD + 7):  # at one moment: no reader could keep up
            rig.desk.hub.tell(dtmf(call))
        for _ in range(EVENTS_AHEAD):
            assert (await stream.receive())["event"] == "dtmf"
        cut = await stream.receive()
        assert cut == {"kind": "cut", "reason": "too slow", "lost": 7}
        assert (await stream.closed_with())[0] == 1013
        assert len(rig.desk.hub) == 0


async def test_a_client_that_does_not_read_loses_its_connection() -> None:
    async with control_rig(send_s=0.3) as rig:
        call = await rig.new_call()
        raw = await trio.open_tcp_stream("127.0.0.1", rig.port)
        async with raw:
            await raw.send_all(
                b"GET /v1/stream HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n"
                b"Authorization: Bearer " + rig.tokens["operator"].encode() + b"\r\n\r\n"
            )
            assert b" 101 " in await raw.receive_some(1000)
            await raw.send_all(b"\x81\x94\0\0\0\0" + b'{"kind":"subscribe"}')
            await wait_until(lambda: rig.desk.hub.wanted(call, "dtmf"))
            long = dtmf(call, "5" * 1_000_000)
            for _ in range(20):  # more than any socket's buffers hold
                rig.desk.hub.tell(long)
            await wait_until(lambda: not len(rig.desk.hub))
        assert (await rig.client.get("/v1/node")).status_code == 200


async def test_a_client_that_vanishes_leaves_nothing_behind() -> None:
    async with control_rig() as rig:
        call = await rig.new_call()
        rig.desk.held["prepare"] = trio.Event()
        async with stream_of(rig) as stream:
            await stream.ask(SUBSCRIBE)
            await stream.ask({"kind": "listen", "call": call})
            await stream.send(
                {"kind": "command", "call": call, "command": {"do": "prepare", "texts": ["x"]}}
            )
            await rig.desk.reached["prepare"].wait()
            await trio.aclose_forcefully(stream.socket._stream)
        await wait_until(lambda: not len(rig.desk.hub))
        await wait_until(lambda: not rig.desk.known[call].listeners["callee"])


async def test_a_message_that_is_too_long_closes() -> None:
    async with control_rig(message_bytes=1000) as rig, stream_of(rig) as stream:
        await stream.socket.send_message("x" * 2000)
        assert (await stream.closed_with())[0] == 1009


async def test_binary_messages_are_no_requests() -> None:
    async with control_rig() as rig, stream_of(rig) as stream:
        await stream.socket.send_message(b"\0")
        assert (await stream.closed_with())[0] == 1008


async def test_a_bug_ends_the_stream_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with control_rig() as rig, stream_of(rig) as stream:
        call = await rig.new_call()
        rig.desk.failing["pause"] = ZeroDivisionError("inner")
        await stream.send({"kind": "command", "call": call, "command": {"do": "pause"}})
        code, reason = await stream.closed_with()
        assert code == 4500
        assert "inner" not in (reason or "")
        assert any(each.exc_info for each in caplog.records if each.name == "trioaudio.control")
        assert (await rig.client.get("/v1/node")).status_code == 200


async def test_a_revoked_token_ends_its_streams() -> None:
    async with control_rig() as rig, stream_of(rig, "read-only") as stream:
        call = await rig.new_call()
        await stream.ask(SUBSCRIBE)
        remove_token(rig.token_file, "read-only")
        await trio.sleep(1.01)  # it looks once a second
        rig.desk.hub.tell(dtmf(call))
        assert (await stream.closed_with())[0] == 1008


async def test_a_revoked_token_ends_the_listening() -> None:
    async with control_rig() as rig, stream_of(rig) as stream:
        call = await rig.new_call()
        await stream.ask({"kind": "listen", "call": call})
        remove_token(rig.token_file, "operator")
        await trio.sleep(1.01)  # it looks once a second
        rig.desk.hear(call, b"\1\2" * 480)
        assert (await stream.closed_with())[0] == 1008
        assert not rig.desk.known[call].listeners["callee"]


async def test_half_a_surrogate_pair_closes_no_stream() -> None:
    async with control_rig() as rig, stream_of(rig) as stream:
        call = await rig.new_call()
        await stream.ask(SUBSCRIBE)
        rig.desk.hub.tell(dtmf(call, "\ud800"))
        assert (await stream.receive())["digit"] == "\ufffd"
        rig.desk.failing["pause"] = RequestError(RequestFault.CARRIER, "it said \ud800")
        told = await stream.tell(call, do="pause")
        assert told["problem"]["detail"] == "it said \ufffd"


async def test_streams_are_so_many_and_no_more() -> None:
    async with control_rig(streams=2) as rig:
        async with stream_of(rig), stream_of(rig, "read-only") as reader:
            await reader.ask(SUBSCRIBE)
            refused = await rig.client.get("/v1/stream", headers=UPGRADE)
            assert kind_of(refused) == "streams"
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0
            async with stream_of(rig, None) as late:
                await late.send({"kind": "token", "token": rig.tokens["operator"]})
                code, reason = await late.closed_with()
                assert code == 1013
                assert "2 streams" in (reason or "")
            rig.desk.hub.tell(dtmf(await rig.new_call()))
            assert (await reader.receive())["event"] == "call.started"
        await wait_until(lambda: not len(rig.desk.hub))
        async with stream_of(rig) as again:
            await again.ask(SUBSCRIBE)
