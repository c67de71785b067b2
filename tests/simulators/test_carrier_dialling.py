"""The carrier's process on a real clock and a real socket, in the role it has in life: it dials."""

from __future__ import annotations

import contextlib
import ssl
import time
import uuid
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio_websocket
import trustme

if TYPE_CHECKING:
    from simulators.conftest import CarrierProcess, WebSocket

pytestmark = pytest.mark.system
QUIET = ("--caller", "none", "--option", "metadata=none")


def names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def read_wav(path: Path) -> tuple[int, bytes]:
    with wave.open(str(path)) as read:
        return read.getframerate(), read.readframes(read.getnframes())


@pytest.mark.parametrize("rate", [8000, 16000])
async def test_a_call_in_good_order(carrier: CarrierProcess, tmp_path: Path, rate: int) -> None:
    frames = carrier.tone(8, rate)
    received: list[str | bytes] = []
    begun = time.monotonic()

    async def sender(websocket: WebSocket) -> None:
        received.append(await websocket.get_message())
        received.append(await websocket.get_message())
        messages = [carrier.stream_audio(frame, rate) for frame in frames]
        await carrier.pace(messages, websocket.send_message)
        await trio.sleep(0.3)
        await websocket.send_message('[{"action":"hangup"}]')
        while True:
            received.append(await websocket.get_message())

    out = tmp_path / "heard.wav"
    # The jitter buffer is for a busy machine: what is tested is the audio, not the machine.
    arguments = ["--rate", str(rate), "--out", str(out), "--events", "--caller", "tone"]
    arguments += ["--jitter-ms", "300"]
    outcome = await carrier.dialling(sender, *arguments)
    report = outcome.report
    assert outcome.code == 0
    assert outcome.errors == ""
    assert outcome.problems == []
    assert outcome.commands == ["hang-up"]
    assert read_wav(out) == (rate, b"".join(frames))
    assert names_in(tmp_path) == ["heard.wav"]
    expected = {"frames": 8, "messages": 8, "frame_bytes": 960 * rate // 8000, "connections": 1}
    expected |= {"bytes": 8 * 960 * rate // 8000, "sample_rate": rate, "ptime_ms": 60}
    expected |= {"dry_count": 0, "dry_ms": 0, "played_ms": 480, "dropped_ms": 0, "breaks": 0}
    assert {name: report[name] for name in expected} == expected
    assert report["closed"] == {"code": 1000, "reason": "hang-up", "by": "carrier"}
    assert report["out"] == str(out)
    assert 55 < report["spacing_ms"]["p50"] < 65
    assert 0 <= report["lateness_ms"]["p50"] < 15
    assert 8900 < report["peak"] <= 9001
    assert 6000 < report["rms"] < 6700
    assert begun < report["first_audio_at"] < time.monotonic()
    names = [event["event"] for event in outcome.events]
    assert names == ["connected", "first-audio", "closed"]

    assert isinstance(received[0], str)
    uuid.UUID(received[0])
    assert all(isinstance(each, bytes) and len(each) == rate // 25 for each in received[1:])
    assert 36 <= len(received) <= 55  # 0.88 s of 20 ms messages
    (request,) = carrier.requests
    assert request.path == "/call?token=1"
    assert request.proposed_subprotocols == ()
    assert not any(name.lower() == b"sec-websocket-extensions" for name, _ in request.headers)


async def test_a_gap_is_silence_and_counted(carrier: CarrierProcess, tmp_path: Path) -> None:
    frames = carrier.tone(6)

    async def sender(websocket: WebSocket) -> None:
        epoch = trio.current_time()
        for n, frame in enumerate(frames):
            await trio.sleep_until(epoch + n * 0.06 + (0.3 if n >= 3 else 0))
            await websocket.send_message(carrier.stream_audio(frame))
        await trio.sleep(0.2)
        await websocket.aclose(1000, "done")

    out = tmp_path / "heard.wav"
    outcome = await carrier.dialling(sender, "--out", str(out), *QUIET)
    _, heard = read_wav(out)
    before, after = b"".join(frames[:3]), b"".join(frames[3:])
    assert heard.startswith(before)
    assert heard.endswith(after)
    gap = heard[len(before) : -len(after)]
    assert gap == bytes(len(gap))
    assert 260 < len(gap) / 16 < 340
    assert outcome.report["dry_count"] == 1
    assert outcome.report["dry_ms"] == len(gap) / 16
    assert 260 < outcome.report["lateness_ms"]["max"] < 340
    assert outcome.report["closed"] == {"code": 1000, "reason": "done", "by": "peer"}


async def test_break_pause_and_resume(carrier: CarrierProcess, tmp_path: Path) -> None:
    async def sender(websocket: WebSocket) -> None:
        await websocket.send_message(carrier.stream_audio(b"".join(carrier.tone(5))))
        await trio.sleep(0.12)
        await websocket.send_message('{"action": "break"}')
        await websocket.send_message(carrier.stream_audio(carrier.tone(2)[1]))
        await websocket.send_message('{"action":"pause"}')
        await trio.sleep(0.2)
        await websocket.send_message('{"action":"resume"}')
        await trio.sleep(0.1)
        await websocket.send_message('{"action":"stop"}')

    out = tmp_path / "heard.wav"
    outcome = await carrier.dialling(sender, "--out", str(out), "--events", *QUIET)
    report = outcome.report
    assert outcome.problems == []
    assert outcome.commands == ["clear", "pause", "resume", "stop"]
    assert report["breaks"] == 1
    assert "clear" in [event["event"] for event in outcome.events]
    assert 120 < report["dropped_ms"] < 240
    assert report["played_ms"] + report["dropped_ms"] == 360
    assert report["dry_count"] == 0
    _, heard = read_wav(out)
    assert heard.endswith(carrier.tone(2)[1])
    assert report["closed"] == {"code": 1000, "reason": "stop", "by": "carrier"}


async def test_messages_cut_each_other_in_cut_mode(carrier: CarrierProcess) -> None:
    async def sender(websocket: WebSocket) -> None:
        for _ in range(2):
            await websocket.send_message(carrier.stream_audio(b"".join(carrier.tone(5))))
            await trio.sleep(0.1)
        await websocket.aclose()

    outcome = await carrier.dialling(sender, "--option", "play=cut", *QUIET)
    assert outcome.report["frames"] == 10
    assert 350 < outcome.report["dropped_ms"] < 450


async def test_protocol_errors_are_listed_and_not_fatal(carrier: CarrierProcess) -> None:
    bad: list[str | bytes] = [
        b"\0" * 960,
        "hello",
        '{"action":"hangup"}',
        carrier.stream_audio(bytes(100)),
    ]
    bad.append(carrier.stream_audio(bytes(1920), 16000))

    async def sender(websocket: WebSocket) -> None:
        for message in [*bad, *["again"] * 200, carrier.stream_audio(carrier.tone(1)[0])]:
            await websocket.send_message(message)
        await trio.sleep(0.15)
        await websocket.aclose()

    outcome = await carrier.dialling(sender, *QUIET)
    starts = ("binary message", "text that is no JSON", "action 'hangup'", "100 bytes of audio")
    for problem, start in zip(outcome.problems[:4], starts, strict=True):
        assert problem.startswith(start)
    assert "sampleRate 16000" in outcome.problems[4]
    assert outcome.report["protocol_errors"][0]["excerpt"].startswith("00 00")
    assert outcome.report["protocol_error_count"] == 205
    assert len(outcome.problems) == 100
    assert outcome.report["frames"] == 1
    assert outcome.report["messages"] == 2


async def test_raw_dialect_wants_one_frame_in_each_message(carrier: CarrierProcess) -> None:
    async def sender(websocket: WebSocket) -> None:
        assert len(await websocket.get_message()) == 960
        await websocket.send_message(carrier.tone(1)[0])
        await websocket.send_message(bytes(1920))
        await websocket.send_message(carrier.stream_audio(bytes(960)))
        await websocket.aclose()

    outcome = await carrier.dialling(sender, "--carrier", "raw")
    assert outcome.report["dialect"] == "raw"
    assert len(outcome.problems) == 2
    assert outcome.report["frames"] == 3


async def test_a_header_goes_with_the_handshake(carrier: CarrierProcess) -> None:
    async def sender(websocket: WebSocket) -> None:
        await websocket.aclose()

    await carrier.dialling(sender, "--header", "Authorization: Bearer 1")
    assert (b"authorization", b"Bearer 1") in carrier.requests[0].headers


async def test_tls_is_verified(carrier: CarrierProcess, tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))

    async def sender(websocket: WebSocket) -> None:
        await websocket.send_message(carrier.stream_audio(carrier.tone(1)[0]))
        await trio.sleep(0.1)
        await websocket.aclose()

    outcome = await carrier.dialling(sender, "--tls-ca", str(trusted), tls=tls)
    assert (outcome.code, outcome.report["frames"]) == (0, 1)


async def test_tls_without_trust_is_no_connection(carrier: CarrierProcess) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(tls)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]

    async def shake(tcp: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            await trio.SSLStream(tcp, tls, server_side=True).do_handshake()
        await tcp.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, shake, listeners)
        outcome = await carrier.run("--dial", f"wss://localhost:{port}/")
        nursery.cancel_scope.cancel()
    assert outcome.code == 5
    assert "the certificate is not trusted" in outcome.errors
    assert outcome.errors.count("\n") == 1


async def test_nobody_there(carrier: CarrierProcess, tmp_path: Path) -> None:
    out = tmp_path / "heard.wav"
    outcome = await carrier.run("--dial", "ws://127.0.0.1:1/x", "--out", str(out))
    assert outcome.code == 5
    assert outcome.report == {}
    message = "trioaudio simulate carrier: ws://127.0.0.1:1/x: Connection refused\n"
    assert outcome.errors == message
    assert names_in(tmp_path) == []


async def test_the_handshake_is_refused(carrier: CarrierProcess) -> None:
    async def refuse(request: trio_websocket.WebSocketRequest) -> None:
        await request.reject(404, body=b"no such call")

    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_websocket.serve_websocket, refuse, "127.0.0.1", 0, None)
        outcome = await carrier.run("--dial", f"ws://127.0.0.1:{server.port}/")
        nursery.cancel_scope.cancel()
    assert outcome.code == 5
    assert "HTTP status 404" in outcome.errors


async def test_the_handshake_is_cut_short(carrier: CarrierProcess) -> None:
    async def hang_up(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.aclose()

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, hang_up, listeners)
        outcome = await carrier.run("--dial", f"ws://127.0.0.1:{port}/")
        nursery.cancel_scope.cancel()
    assert outcome.code == 5
    assert "closed the connection during the WebSocket handshake" in outcome.errors


async def test_patience(carrier: CarrierProcess) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = listener.socket.getsockname()
    await listener.aclose()

    async def close(request: trio_websocket.WebSocketRequest) -> None:
        await (await request.accept()).aclose()

    async with trio.open_nursery() as nursery:

        async def come_late() -> None:
            await trio.sleep(0.6)
            await trio_websocket.serve_websocket(close, address[0], address[1], None)

        nursery.start_soon(come_late)
        url = f"ws://127.0.0.1:{address[1]}/"
        outcome = await carrier.run("--dial", url, "--patient")
        nursery.cancel_scope.cancel()
    assert outcome.code == 0
    assert outcome.report["connections"] == 1


async def test_unwritable_output(carrier: CarrierProcess, tmp_path: Path) -> None:
    out = tmp_path / "no" / "heard.wav"
    outcome = await carrier.run("--dial", "ws://127.0.0.1:1/", "--out", str(out))
    assert outcome.code == 6
    assert outcome.errors.startswith("trioaudio simulate carrier: cannot write")
    assert outcome.errors.count("\n") == 1


async def test_the_disk_fills_in_mid_call(carrier: CarrierProcess, tmp_path: Path) -> None:
    (tmp_path / "heard.wav.part").symlink_to("/dev/full")

    async def sender(websocket: WebSocket) -> None:
        audio = carrier.stream_audio(b"".join(carrier.tone(5)))
        await websocket.send_message(audio)
        await trio.sleep(0.3)
        await websocket.aclose()

    outcome = await carrier.dialling(sender, "--out", str(tmp_path / "heard.wav"), *QUIET)
    assert outcome.code == 6
    assert "No space left on device" in outcome.errors
    assert names_in(tmp_path) == []


async def test_pings_that_cross_the_close(carrier: CarrierProcess) -> None:
    async def ping(websocket: WebSocket, n: int) -> None:
        with contextlib.suppress(trio_websocket.ConnectionClosed):
            await websocket.ping(bytes([n]))

    async def sender(websocket: WebSocket) -> None:
        with trio.move_on_after(0.3):
            async with trio.open_nursery() as nursery:
                await websocket.send_message('[{"action":"hangup"}]')
                for n in range(100):
                    nursery.start_soon(ping, websocket, n)

    outcome = await carrier.dialling(sender, *QUIET)
    assert outcome.code == 0
    assert outcome.errors == ""
    assert outcome.report["closed"]["reason"] == "hang-up"


async def test_a_whole_utterance_in_one_message(carrier: CarrierProcess) -> None:
    async def sender(websocket: WebSocket) -> None:
        await websocket.send_message(carrier.stream_audio(bytes(960 * 10_000)))
        await websocket.send_message('{"action":"break"}')
        await websocket.aclose()

    outcome = await carrier.dialling(sender, *QUIET)
    assert outcome.report["frames"] == 10_000
    assert outcome.report["dropped_ms"] > 590_000


async def test_a_callee_who_hangs_up(carrier: CarrierProcess) -> None:
    async def sender(websocket: WebSocket) -> None:
        with contextlib.suppress(trio_websocket.ConnectionClosed):
            while True:
                await websocket.get_message()

    outcome = await carrier.dialling(sender, "--hang-up-after", "0.3")
    assert outcome.report["closed"] == {
        "code": 1000,
        "reason": "the callee hung up",
        "by": "carrier",
    }
    assert 14 <= outcome.report["caller_messages"] <= 18


async def test_a_file_is_what_the_caller_says(carrier: CarrierProcess, tmp_path: Path) -> None:
    said = b"".join(carrier.tone(2))
    with wave.open(str(tmp_path / "caller.wav"), "wb") as file:
        file.setframerate(8000)
        file.setnchannels(1)
        file.setsampwidth(2)
        file.writeframes(said)
    heard = bytearray()

    async def sender(websocket: WebSocket) -> None:
        while len(heard) < 2 * len(said):
            message = await websocket.get_message()
            assert isinstance(message, bytes)
            heard.extend(message)
        await websocket.aclose()

    arguments = ("--caller", str(tmp_path / "caller.wav"), "--option", "metadata=none")
    outcome = await carrier.dialling(sender, *arguments)
    assert outcome.code == 0
    assert heard == said * 2


async def test_a_frame_that_is_no_websocket_is_a_violation(carrier: CarrierProcess) -> None:
    async def sender(websocket: WebSocket) -> None:
        await websocket.send_message(carrier.stream_audio(bytes(960)))
        await websocket._stream.send_all(b"\xff" * 64)
        with contextlib.suppress(trio_websocket.ConnectionClosed):
            await websocket.get_message()
        await trio.sleep(0.2)

    outcome = await carrier.dialling(sender, *QUIET)
    assert outcome.code == 0
    assert outcome.report["frames"] == 1
    assert "what is no WebSocket frame" in outcome.problems[0]
    assert outcome.report["closed"]["by"] == "peer"


async def test_text_that_is_no_utf_8_is_a_violation(carrier: CarrierProcess) -> None:
    async def sender(websocket: WebSocket) -> None:
        await websocket._stream.send_all(b"\x81\x02\xff\xff")
        await websocket.send_message(carrier.stream_audio(bytes(960)))
        await trio.sleep(0.1)
        await websocket.aclose()

    outcome = await carrier.dialling(sender, *QUIET)
    assert outcome.problems == ["text message that is no UTF-8"]
    assert outcome.report["frames"] == 1


@pytest.mark.parametrize(("code", "reason"), [(4001, "no such call"), (1011, None), (1008, None)])
async def test_the_far_ends_close_code_is_reported(
    carrier: CarrierProcess, code: int, reason: str | None
) -> None:
    async def sender(websocket: WebSocket) -> None:
        await websocket.aclose(code, reason)

    outcome = await carrier.dialling(sender, *QUIET)
    assert outcome.report["closed"] == {"code": code, "reason": reason or "", "by": "peer"}
