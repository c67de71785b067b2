from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
from msgspec.structs import replace

from control.control_rig import control_rig
from control.test_http import kind_of
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.control.desk import Readiness
from trioaudio.control.problems import KINDS

STATUSES = {
    RequestFault.NOT_FOUND: 404,
    RequestFault.ENDED: 410,
    RequestFault.CONFLICT: 409,
    RequestFault.INVALID: 422,
    RequestFault.UNSUPPORTED: 422,
    RequestFault.FORBIDDEN: 403,
    RequestFault.FULL: 429,
    RequestFault.BUSY: 503,
    RequestFault.CARRIER: 502,
    RequestFault.ENGINE: 502,
}


@pytest.mark.parametrize("fault", RequestFault)
async def test_every_fault_has_its_status(fault: RequestFault) -> None:
    assert fault.value in KINDS
    async with control_rig() as rig:
        call = await rig.new_call()
        rig.desk.failing["say"] = RequestError(fault, "do something else", retry_after_s=0.2)
        answer = await rig.client.post(f"/v1/calls/{call}/say", json={"text": "x"})
        assert kind_of(answer) == fault.value
        assert answer.status_code == STATUSES[fault]
        assert answer.json()["detail"] == "do something else"
        assert answer.headers["retry-after"] == "1"
        assert rig.desk.audits[-1] == ("operator", "say", call, STATUSES[fault])


@pytest.mark.parametrize(
    ("method", "path", "asked", "kind"),
    [
        ("GET", "/nowhere", {}, "not-found"),
        ("GET", "/v1/calls/no-call", {}, "not-found"),
        ("POST", "/v1/calls/no-call/pause", {}, "not-found"),
        ("POST", "/v1/calls/call-1/dance", {}, "not-found"),
        ("PUT", "/v1/calls", {}, "method"),
        ("GET", "/v1/calls/call-1/say", {}, "method"),
        ("POST", "/v1/calls", {"content": b"{"}, "bad-request"),
        ("POST", "/v1/calls", {"content": b'{"to": "\xff"}'}, "bad-request"),
        ("POST", "/v1/calls", {"content": b"[]"}, "invalid"),
        ("POST", "/v1/calls", {"json": {"too": "+911234567890"}}, "invalid"),
        ("POST", "/v1/calls", {"json": {"to": ""}}, "invalid"),
        ("POST", "/v1/calls/call-1/say", {"json": {"do": "play"}}, "invalid"),
        ("POST", "/v1/calls", {"content": b"<a/>", "headers": {"Content-Type": "text/xml"}},
         "media-type"),
        ("POST", "/v1/precache", {"json": {"texts": ["x" * 2000]}}, "too-large"),
        ("GET", "/v1/stream", {}, "upgrade"),
        ("GET", "/v1/calls?limit=9999", {}, "invalid"),
    ],
)  # fmt: skip
async def test_whatever_goes_wrong_is_a_problem(
    method: str, path: str, asked: dict[str, Any], kind: str
) -> None:
    async with control_rig(body_bytes=1000) as rig:
        assert kind_of(await rig.client.request(method, path, **asked)) == kind


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        ({"first": [{"do": "say", "priority": 1000}]}, "first[0].priority", "100"),
        ({"first": [{"do": "say", "prio": 1}]}, "first[0].prio", "unknown"),
        ({"carier": "raw"}, "carier", "unknown"),
        ([], "", "object"),
    ],
)
async def test_a_field_that_is_wrong_is_named(body: object, field: str, problem: str) -> None:
    async with control_rig() as rig:
        answer = await rig.client.post("/v1/calls", json=body)
        assert kind_of(answer) == "invalid"
        (error,) = answer.json()["errors"]
        assert error["field"] == field
        assert problem in error["problem"]


async def test_a_field_that_is_missing_is_named() -> None:
    async with control_rig() as rig:
        call = await rig.new_call()
        answer = await rig.client.post(f"/v1/calls/{call}/append", json={"utterance": 1})
        assert answer.json()["errors"][0]["field"] == "text"
        unknown = await rig.client.get("/v1/calls?nonsense=1")
        assert unknown.json()["errors"][0]["field"] == "nonsense"


async def test_half_a_surrogate_pair_fails_nothing() -> None:
    async with control_rig() as rig:
        call = await rig.new_call()
        known = rig.desk.known[call]
        known.view = replace(known.view, carrier_call_id="CA\ud800x", labels={"\udfff": "ok"})
        for path in (f"/v1/calls/{call}", "/v1/calls"):
            answer = await rig.client.get(path)
            assert answer.status_code == 200
            view = answer.json() if path.endswith(call) else answer.json()[0]
            assert view["carrier_call_id"] == "CA\ufffdx"
            assert view["labels"] == {"\ufffd": "ok"}
        rig.desk.failing["say"] = RequestError(RequestFault.CARRIER, "it said \ud800")
        refused = await rig.client.post(f"/v1/calls/{call}/say", json={"text": "x"})
        assert kind_of(refused) == "carrier"
        rig.desk.ready = Readiness(ready=False, reason="full", detail="\ud800")
        assert (await rig.client.get("/readyz")).json()["detail"] == "\ufffd"


async def test_a_method_that_is_not_taken_is_told_which_are() -> None:
    async with control_rig() as rig:
        answer = await rig.client.patch("/v1/calls")
        assert "POST" in answer.headers["allow"]


async def test_a_body_that_is_too_large_is_refused_however_it_comes() -> None:
    async def parts() -> Any:
        for _ in range(400):
            await trio.lowlevel.checkpoint()
            yield b"x" * 4096

    async with control_rig(body_bytes=5000, upload_bytes=100_000) as rig:
        call = await rig.new_call()
        told = await rig.client.post(f"/v1/calls/{call}/say", content=b"x" * 2_000_000)
        assert kind_of(told) == "too-large"
        in_parts = await rig.client.post(
            f"/v1/calls/{call}/audio", content=parts(), headers={"Content-Type": "audio/wav"}
        )
        assert kind_of(in_parts) == "too-large"
        assert (await rig.client.get("/v1/node")).status_code == 200


async def test_a_bug_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    async with control_rig() as rig:
        call = await rig.new_call()
        rig.desk.failing["say"] = ZeroDivisionError("the inner secret")
        answer = await rig.client.post(f"/v1/calls/{call}/say", json={"text": "x"})
        assert kind_of(answer) == "bug"
        assert "secret" not in answer.text
        assert rig.desk.audits[-1] == ("operator", "say", call, 500)
        (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
        assert record.name == "trioaudio.control"
        assert record.exc_info is not None
        assert record.exc_info[0] is ZeroDivisionError


async def test_what_is_no_http_ends_only_its_connection(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with control_rig() as rig:
        for nonsense in (
            b"\x00\x01\x02\r\n\r\n",
            b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense of some length, longer than a frame's head",
            (
                b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                b"Upgrade: h2c\r\nHTTP2-Settings: %%%\r\n\r\n"
            ),
            (
                b"GET /v1/stream HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n"
                b"\xff\xff\xff\xff\xff"
            ),
        ):
            stream = await trio.open_tcp_stream("127.0.0.1", rig.port)
            async with stream:
                with trio.move_on_after(2):
                    await stream.send_all(nonsense)
                    await stream.send_eof()
                    while await stream.receive_some(4096):
                        pass
        assert (await rig.client.get("/v1/node")).status_code == 200
    assert capfd.readouterr().err == ""
