"""Other dialects than TeleCMI's in whole calls: a process, a real socket, a sender in the test."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import struct
import uuid
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import trio
import trio_websocket
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

if TYPE_CHECKING:
    from simulators.conftest import CarrierProcess, WebSocket

pytestmark = pytest.mark.system


async def next_event(websocket: WebSocket, name: str) -> dict[str, Any]:
    """Return the next JSON message of that event; audio is passed over."""
    while True:
        message = await websocket.get_message()
        if isinstance(message, str):
            value: dict[str, Any] = json.loads(message)
            if value.get("event") == name:
                return value


async def test_twilio(carrier: CarrierProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_MINE", "hush")
    played: list[float] = []
    keys: list[str] = []

    async def sender(websocket: WebSocket) -> None:
        start = await next_event(websocket, "start")
        sid = start["streamSid"]
        payload = base64.b64encode(b"\x80" * 480).decode()
        begin = trio.current_time()
        for _ in range(5):
            media = {"event": "media", "streamSid": sid, "media": {"payload": payload}}
            await websocket.send_message(json.dumps(media))
        mark = {"event": "mark", "streamSid": sid, "mark": {"name": "end"}}
        await websocket.send_message(json.dumps(mark))
        keys.append((await next_event(websocket, "dtmf"))["dtmf"]["digit"])
        assert (await next_event(websocket, "mark"))["mark"] == {"name": "end"}
        played.append(trio.current_time() - begin)
        await next_event(websocket, "stop")

    arguments = ["--carrier", "twilio", "--secret-env", "TOKEN_OF_MINE", "--dtmf", "5@0.1"]
    outcome = await carrier.dialling(sender, *arguments, "--hang-up-after", "0.6")
    report = outcome.report
    assert (outcome.code, outcome.errors, outcome.problems) == (0, "", [])
    assert (report["dialect"], report["encoding"]) == ("twilio", "mulaw")
    assert (report["played_ms"], report["dropped_ms"], report["frames"]) == (300, 0, 5)
    assert report["marks"] == {"asked": 1, "played": 1, "cleared": 0, "lost": 0}
    expected = hashlib.sha256(struct.pack("<h", 32124) * 2400).hexdigest()
    assert report["played_sha256"] == expected
    assert report["burst_ms"] > 250
    assert 0.3 < played[0] < 0.45
    assert keys == ["5"]
    assert report["dtmf_sent"] == 1
    assert report["closed"]["reason"] == "the callee hung up"
    (request,) = carrier.requests
    signature = dict(request.headers)[b"x-twilio-signature"].decode()
    wanted = hmac.digest(b"hush", carrier.url.encode(), "sha1")
    assert base64.b64decode(signature) == wanted
    assert report["handshake"]["headers"] == ["X-Twilio-Signature"]
    assert "hush" not in json.dumps(report)


async def test_vonage(carrier: CarrierProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_MINE", "a secret of some length, as HS256 wants it")

    async def sender(websocket: WebSocket) -> None:
        assert (await next_event(websocket, "websocket:connected"))["content-type"]
        for _ in range(10):
            await websocket.send_message(bytes(640))
        await websocket.send_message('{"action":"notify","payload":{"id":"a"}}')
        await trio.sleep(0.05)
        await websocket.send_message('{"action":"clear"}')
        await next_event(websocket, "websocket:cleared")
        await websocket.send_message(bytes(638))
        await websocket.send_message('{"action":"notify","payload":{"id":"b"}}')
        assert (await next_event(websocket, "websocket:notify"))["payload"] == {"id": "b"}
        await websocket.aclose()

    arguments = ["--carrier", "vonage", "--rate", "16000", "--secret-env", "TOKEN_OF_MINE"]
    outcome = await carrier.dialling(sender, *arguments)
    assert outcome.problems == ["638 bytes of audio; must be one packet of 640"]
    assert outcome.report["marks"] == {"asked": 2, "played": 1, "cleared": 1, "lost": 0}
    assert outcome.report["breaks"] == 1
    assert 60 < outcome.report["dropped_ms"] < 200
    token = dict(carrier.requests[0].headers)[b"authorization"].decode().removeprefix("Bearer ")
    secret = "a secret of some length, as HS256 wants it"
    assert jwt.decode(token, secret, algorithms=["HS256"])["iss"] == "Vonage"


async def test_asterisk_asks_for_a_pause_and_drops_what_is_too_much(
    carrier: CarrierProcess,
) -> None:
    async def sender(websocket: WebSocket) -> None:
        await next_event(websocket, "MEDIA_START")
        await websocket.send_message('{"command":"ANSWER"}')
        for _ in range(19):
            await websocket.send_message(bytes(320 * 50))
        await next_event(websocket, "MEDIA_XOFF")
        for _ in range(2):
            await websocket.send_message(bytes(320 * 50))
        await websocket.send_message('{"command":"FLUSH_MEDIA"}')
        await next_event(websocket, "MEDIA_XON")
        await websocket.send_message('{"command":"HANGUP"}')
        with contextlib.suppress(trio_websocket.ConnectionClosed):
            while True:
                await websocket.get_message()

    outcome = await carrier.dialling(sender, "--carrier", "asterisk", "--caller", "none")
    report = outcome.report
    assert outcome.commands == ["ANSWER", "clear", "hang-up"]
    assert report["controls"] == [{"name": "ANSWER", "count": 1}]
    assert outcome.problems == ["audio beyond the 20000 ms it holds was dropped"]
    assert report["flow_pauses"] == 1
    assert report["depth_ms"]["max"] > 17_000
    assert report["handshake"]["subprotocols"] == ["media"]
    assert carrier.requests[0].proposed_subprotocols == ("media",)


async def test_asterisk_demands_its_sub_protocol_of_who_dials(carrier: CarrierProcess) -> None:
    def dial(url: str) -> None:
        with pytest.raises(InvalidStatus, match="400"), connect(url):
            pass
        with connect(url, subprotocols=["other", "media"]) as websocket:  # type: ignore[list-item]
            assert websocket.subprotocol == "media"
            assert json.loads(websocket.recv(timeout=2))["event"] == "MEDIA_START"

    listen = ("--carrier", "asterisk", "--listen", "127.0.0.1:0")
    async with carrier.started(*listen) as process:
        url = (await process.stderr.receive_some(1000)).decode().strip()
        await trio.to_thread.run_sync(dial, url)
        stdout = b"".join([chunk async for chunk in process.stdout])
        assert await process.wait() == 0
    report = carrier.outcome(0, stdout, b"").report
    assert report["handshake"]["subprotocols"] == ["other", "media"]
    assert "sec-websocket-key" in report["handshake"]["headers"]


async def test_audiosocket(carrier: CarrierProcess) -> None:
    call_id = uuid.uuid4()
    received: list[bytes] = []

    async def answer(stream: trio.SocketStream) -> None:
        data = b""
        while len(data) < 19 + 3 * 323:
            data += await stream.receive_some()
        received.append(data)
        for _ in range(3):
            await stream.send_all(b"\x10\x01\x40" + b"\1\2" * 160)
        await trio.sleep(0.15)
        await stream.send_all(b"\x00\x00\x00")
        received.append(await stream.receive_some() or b"")
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, answer, 0)
        port = listeners[0].socket.getsockname()[1]
        url = f"audiosocket://127.0.0.1:{port}/{call_id}"
        outcome = await carrier.run("--carrier", "audiosocket", "--dial", url)
        nursery.cancel_scope.cancel()
    report = outcome.report
    assert (outcome.code, outcome.problems) == (0, [])
    assert received[0][:19] == b"\x01\x00\x10" + call_id.bytes
    assert received[0][19:22] == b"\x10\x01\x40"
    assert report["call_id"] == str(call_id)
    assert (report["played_ms"], report["messages"]) == (60, 3)
    assert report["closed"]["reason"] == "hang-up"


async def test_audiosocket_wants_a_url_of_its_own(carrier: CarrierProcess) -> None:
    outcome = await carrier.run("--carrier", "audiosocket", "--dial", "ws://127.0.0.1:1/")
    assert outcome.code == 2
    assert "must look like audiosocket://host:port/UUID" in outcome.errors


async def test_a_call_that_is_dialled_again_keeps_its_id(carrier: CarrierProcess) -> None:
    starts: list[dict[str, Any]] = []

    async def sender(websocket: WebSocket) -> None:
        start = await next_event(websocket, "start")
        starts.append(start["start"])
        media = {"payload": base64.b64encode(bytes(480)).decode()}
        message = {"event": "media", "streamSid": start["streamSid"], "media": media}
        await websocket.send_message(json.dumps(message))
        await trio.sleep(0.2)
        await websocket.aclose()

    faults = ("--fault", "reset-after=1", "--fault", "redial-after=0.1")
    outcome = await carrier.dialling(sender, "--carrier", "twilio", *faults)
    assert outcome.report["connections"] == 2
    first, second = starts
    assert first["callSid"] == second["callSid"]
    assert first["streamSid"] != second["streamSid"]
    assert first["callSid"].removeprefix("CA") == outcome.report["call_id"].replace("-", "")
