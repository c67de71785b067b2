"""A call and an application on a real socket, from the handshake to either's end."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
import trio_websocket
import trustme

from relay.relay_desk import CALL, FakeDesk
from relay.rig import WAIT_S, relaying, serving, talking
from trioaudio.api.commands import HangUp
from trioaudio.api.events import ControlFailed
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.core.secret import Secret
from trioaudio.relay import app_socket
from trioaudio.relay.app_address import signature
from trioaudio.relay.messages import LARGEST_MESSAGE
from trioaudio.relay.runner import run_relay
from trioaudio.relay.terms import RelayTerms

# --- How it begins -----------------------------------------------------------------------


async def test_setup_tells_which_call_it_is() -> None:
    desk = FakeDesk(labels={"customer": "42"})
    async with serving() as server, relaying(desk, server.url):
        setup = await (await server.connection()).heard()
    assert setup.pop("sessionId").startswith("VX")
    assert setup == {
        "type": "setup",
        "accountSid": "",
        "parentCallSid": "",
        "callSid": CALL,
        "from": "+15550199",
        "to": "+15550100",
        "forwardedFrom": "",
        "callType": "PSTN",
        "callerName": "",
        "direction": "outbound-api",
        "callStatus": "IN_PROGRESS",
        "customParameters": {"customer": "42"},
    }


async def test_the_application_is_dialled_when_the_call_is_answered() -> None:
    desk = FakeDesk(state="placing")
    async with serving() as server, relaying(desk, server.url):
        await trio.testing.wait_all_tasks_blocked(0.05)
        with pytest.raises(trio.WouldBlock):
            server.connections.receive_nowait()
        desk.answer()
        desk.press("7")
        app = await server.connection()
        assert (await app.heard())["type"] == "setup"
        assert await app.heard() == {"type": "dtmf", "digit": "7"}


@pytest.mark.parametrize("state", ["placing", "ended"])
async def test_a_call_that_is_never_answered_dials_nobody(state: str) -> None:
    desk = FakeDesk(state="ended" if state == "ended" else "placing")
    async with serving() as server, relaying(desk, server.url) as relay:
        if state == "placing":
            await trio.testing.wait_all_tasks_blocked(0.01)
            desk.end("not-answered")
        ended = await relay.wait_ended()
        assert ended.status == "completed"
        with pytest.raises(trio.WouldBlock):
            server.connections.receive_nowait()
    assert desk.commands == []


async def test_a_call_nobody_knows_is_no_error() -> None:
    ended = await run_relay(FakeDesk(), "other", "ws://127.0.0.1:9/")
    assert ended.status == "completed"
    assert "other" in ended.detail


async def test_headers_and_signature_travel_with_the_handshake() -> None:
    token = Secret("0123456789")
    async with (
        serving() as server,
        relaying(FakeDesk(), server.url, headers=(("X-Key", "k"),), token=token),
    ):
        app = await server.connection()
    assert app.path == "/conversation"
    assert app.headers["x-key"] == "k"
    assert app.headers["x-twilio-signature"] == signature(server.url, token)


# --- A conversation ----------------------------------------------------------------------


async def test_a_typical_session() -> None:
    """What the public sample applications do: stream tokens, be interrupted, answer, end."""
    async with talking() as talk:
        desk = talk.desk
        for token in ("Life ", "is a ", "complex set ", "of processes. "):
            await talk.app.say({"type": "text", "token": token, "last": False})
        await talk.app.say({"type": "text", "token": "", "last": True})
        await talk.until(lambda: "close" in desk.verbs())
        assert desk.spoken[1].text == "Life is a complex set of processes. "
        assert not desk.spoken[1].open
        desk.begin(1)
        desk.take_text(1, 21)
        desk.press("1")
        assert await talk.app.heard() == {
            "type": "interrupt",
            "utteranceUntilInterrupt": "Life is a complex set",
            "durationUntilInterruptMs": 210,
        }
        assert await talk.app.heard() == {"type": "dtmf", "digit": "1"}
        await talk.app.say({"type": "text", "token": "You pressed one.", "last": True})
        await talk.app.say({"type": "sendDigits", "digits": "12w#"})
        await talk.until(lambda: "dtmf" in desk.verbs())
        assert desk.spoken[2].text == "You pressed one."
        await talk.app.say({"type": "end", "handoffData": '{"reason": "done"}'})
        ended = await talk.relay.wait_ended()
        assert (ended.status, ended.handoff_data) == ("ended", '{"reason": "done"}')
        assert (await talk.app.wait_closed())[0] == 1000
    assert desk.commands[-1] == HangUp(when="now")
    assert desk.state == "ended"


async def test_an_application_may_close_as_soon_as_it_has_said_end() -> None:
    desk = FakeDesk(held={"hang-up": trio.Event()})
    async with talking(desk) as talk:
        await talk.app.say({"type": "end", "handoffData": "x"})
        await talk.app.websocket.aclose()
        desk.press("1")
        await trio.testing.wait_all_tasks_blocked(0.02)
        desk.held["hang-up"].set()
        ended = await talk.relay.wait_ended()
    assert (ended.status, ended.handoff_data) == ("ended", "x")


async def test_end_overtakes_what_waits_for_room() -> None:
    desk = FakeDesk(paused_at=1)
    async with talking(desk) as talk:
        await talk.app.say({"type": "text", "token": "one "})
        await talk.until(lambda: desk.spoken)
        await talk.app.say({"type": "text", "token": "two "})
        await talk.until(lambda: desk.spoken[1].text == "one two ")
        await talk.app.say({"type": "text", "token": "three", "last": True}, {"type": "end"})
        assert (await talk.relay.wait_ended()).status == "ended"
    assert desk.spoken[1].text == "one two "


async def test_end_may_wait_for_what_was_said() -> None:
    async with talking(terms=RelayTerms(end="after-played")) as talk:
        await talk.app.say({"type": "text", "token": "Goodbye."}, {"type": "end"})
        assert (await talk.relay.wait_ended()).status == "ended"
        assert talk.desk.verbs() == ["say", "close", "hang-up"]
        assert talk.desk.commands[-1] == HangUp(when="after-played")


async def test_end_is_the_end_though_its_utterance_is_over_already() -> None:
    async with talking() as talk:
        await talk.app.say({"type": "text", "token": "Goodbye"})
        await talk.until(lambda: talk.desk.spoken)
        talk.desk.spoken[1].cause = "cancelled"  # and nobody was told yet
        await talk.app.say({"type": "end", "handoffData": "x"})
        ended = await talk.relay.wait_ended()
    assert (ended.status, ended.handoff_data) == ("ended", "x")


async def test_what_was_said_before_end_is_said_though_the_application_is_gone() -> None:
    desk = FakeDesk(paused_at=1)
    async with talking(desk, RelayTerms(end="after-played")) as talk:
        await talk.app.say({"type": "text", "token": "one "})
        await talk.until(lambda: desk.spoken)
        await talk.app.say({"type": "text", "token": "two "})
        await talk.until(lambda: desk.spoken[1].text == "one two ")
        await talk.app.say(
            {"type": "text", "token": "three", "last": True}, {"type": "end", "handoffData": "x"}
        )
        await talk.app.websocket.aclose()
        for _ in range(3):
            desk.hub.tell(ControlFailed(call=CALL, at=0.0, what="transfer", reason="no"))
            await trio.testing.wait_all_tasks_blocked(0.01)
        desk.take_text(1, 100)
        await talk.until(lambda: desk.spoken[1].text == "one two three")
        desk.take_text(1, 100)
        ended = await talk.relay.wait_ended()
    assert (ended.status, ended.handoff_data) == ("ended", "x")
    assert desk.commands[-1] == HangUp(when="after-played")


async def test_a_call_that_cannot_be_hung_up_goes_on() -> None:
    desk = FakeDesk(refusing={"hang-up": RequestError(RequestFault.UNSUPPORTED, "no way to")})
    async with talking(desk) as talk:
        await talk.app.say({"type": "end"})
        assert await talk.app.heard() == {"type": "error", "description": "no way to"}
        await talk.app.say({"type": "text", "token": "Still here.", "last": True})
        await talk.until(lambda: desk.spoken)
        await talk.app.say({"type": "end"})
        await talk.app.websocket.aclose()
        assert (await talk.relay.wait_ended()).status == "failed"


async def test_the_call_s_end_closes_the_connection_in_good_order() -> None:
    async with talking() as talk:
        talk.desk.end()
        assert (await talk.app.wait_closed())[0] == 1000
        ended = await talk.relay.wait_ended()
    assert (ended.status, ended.detail) == ("completed", "over: far-end")
    assert talk.desk.commands == []


async def test_a_relay_that_is_cancelled_goes_away_and_leaves_the_call() -> None:
    async with talking() as talk:
        talk.relay.scope.cancel()
        assert (await talk.app.wait_closed())[0] == 1001
        await talk.relay.over.wait()
    assert talk.relay.ended is None
    assert talk.desk.commands == []


# --- Applications that make mistakes -----------------------------------------------------

MALFORMED: list[str | bytes] = [
    "no JSON",
    "[]",
    "{}",
    '{"type": "prompt"}',
    '{"type": "text"}',
    '{"type": "play", "source": "file:///etc/passwd"}',
    '{"type": "sendDigits", "digits": "ABC"}',
    '{"type": "text", "x": ' + "[" * 20_000,
    b"\0\1",
]


async def test_what_makes_no_sense_is_told_and_the_call_goes_on() -> None:
    async with talking() as talk:
        for message in MALFORMED:
            await talk.app.say(message)
            answer = await talk.app.heard()
            assert answer["type"] == "error"
            assert answer["description"]
        await talk.app.say({"type": "text", "token": "Hello", "unknown": 1, "last": True})
        await talk.until(lambda: talk.desk.spoken)
        assert talk.desk.state == "up"


async def test_ten_in_a_row_end_the_call() -> None:
    async with talking() as talk:
        await talk.app.say(*["?"] * 9, {"type": "language", "ttsLanguage": "en"}, *["?"] * 10)
        code, reason = await talk.app.wait_closed()
        ended = await talk.relay.wait_ended()
    assert (code, reason) == (1007, "Too many consecutive malformed messages")
    assert (ended.status, ended.detail) == ("failed", reason)
    assert talk.desk.commands == [HangUp()]


async def test_a_message_over_the_limit_ends_the_call() -> None:
    async with talking() as talk:
        await talk.app.say({"type": "text", "token": "x" * LARGEST_MESSAGE})
        ended = await talk.relay.wait_ended()
    assert ended.status == "failed"
    assert str(LARGEST_MESSAGE) in ended.detail
    assert talk.desk.commands == [HangUp()]


async def test_a_refused_command_is_told_and_the_call_goes_on() -> None:
    refusal = RequestError(RequestFault.FORBIDDEN, "that URL is not allowed")
    desk = FakeDesk(refusing={"play": refusal})
    async with talking(desk) as talk:
        await talk.app.say({"type": "play", "source": "https://example.com/a.wav"})
        assert await talk.app.heard() == {"type": "error", "description": str(refusal)}
        await talk.app.say({"type": "text", "token": "Hello", "last": True})
        await talk.until(lambda: desk.spoken)


async def test_what_failed_later_is_told() -> None:
    async with talking() as talk:
        await talk.app.say({"type": "text", "token": "Hello", "last": True})
        await talk.until(lambda: talk.desk.spoken)
        talk.desk.complete(1, "error", heard=0)
        assert await talk.app.heard() == {
            "type": "error",
            "description": "utterance 1 was not spoken: error: no voice",
        }


# --- Applications that vanish ------------------------------------------------------------


def reset(websocket: trio_websocket.WebSocketConnection) -> None:
    stream = websocket._stream
    assert isinstance(stream, trio.SocketStream)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    stream.socket.close()


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_an_application_that_vanishes_ends_its_call_and_no_other(how: str) -> None:
    async with talking() as other, talking() as talk:
        if how == "close":
            await talk.app.websocket.aclose()
        else:
            reset(talk.app.websocket)
        ended = await talk.relay.wait_ended()
        assert ended.status == "failed"
        assert talk.desk.commands == [HangUp()]
        await other.app.say({"type": "text", "token": "Hello", "last": True})
        await other.until(lambda: other.desk.spoken)
    assert other.desk.state == "up"


async def test_an_application_that_does_not_read_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app_socket, "SEND_S", 0.2)
    monkeypatch.setattr(app_socket, "_CLOSE_S", 0.2)
    async with talking() as talk:
        for _ in range(40):
            talk.desk.hub.tell(
                ControlFailed(call=CALL, at=0.0, what="transfer", reason="x" * 1_000_000)
            )
        ended = await talk.relay.wait_ended()
    assert ended.status == "failed"
    assert "read nothing" in ended.detail
    assert talk.desk.commands == [HangUp()]


async def test_a_call_that_cannot_be_hung_up_is_left_to_the_daemon() -> None:
    desk = FakeDesk(refusing={"hang-up": RequestError(RequestFault.UNSUPPORTED, "no way to")})
    async with talking(desk) as talk:
        reset(talk.app.websocket)
        assert (await talk.relay.wait_ended()).status == "failed"


# --- Applications that are not there -----------------------------------------------------


async def failing(url: str, terms: RelayTerms | None = None) -> str:
    desk = FakeDesk()
    with trio.fail_after(WAIT_S):
        ended = await run_relay(desk, CALL, url, terms=terms or RelayTerms())
    assert ended.status == "failed"
    assert desk.commands == [HangUp()]
    return ended.detail


async def answering(
    answer: Callable[[trio.SocketStream], Awaitable[None]], nursery: trio.Nursery
) -> str:
    """Serve something that is no application; return its URL."""

    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await answer(stream)

    listeners = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
    return f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}/path?key=secret"


async def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        detail = await failing(f"ws://127.0.0.1:{port}/?key=secret")
    assert "cannot be reached: " in detail
    assert "Connection refused" in detail
    assert "secret" not in detail


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "HTTP status 403"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP status 200"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "does not speak WebSocket"),
        (b"", "closed the connection during the WebSocket handshake"),
    ],
)
async def test_something_else_listens(answer: bytes, words: str, nursery: trio.Nursery) -> None:
    async def tell(stream: trio.SocketStream) -> None:
        if answer:
            await stream.send_all(answer)

    detail = await failing(await answering(tell, nursery))
    assert words in detail
    assert "secret" not in detail


async def test_nobody_answers(nursery: trio.Nursery) -> None:
    async def hang(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    url = await answering(hang, nursery)
    terms = RelayTerms(connect_timeout_s=0.1)
    assert "within 0.1 s" in await failing(url, terms)
    assert "within 0.1 s" in await failing(url.replace("ws:", "wss:"), terms)


@pytest.mark.parametrize("url", ["https://example.com/", "wss://", "ws://a:b@example.com/"])
async def test_a_url_that_is_none_ends_the_call_only(url: str) -> None:
    await failing(url)


# --- TLS ---------------------------------------------------------------------------------


@pytest.mark.parametrize("trusted", [True, False])
async def test_certificates_are_verified(*, trusted: bool, nursery: trio.Nursery) -> None:
    authority = trustme.CA()
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server_tls)
    client_tls = ssl.create_default_context()
    if trusted:
        authority.configure_trust(client_tls)

    async def handle(request: trio_websocket.WebSocketRequest) -> None:
        websocket = await request.accept()
        await websocket.get_message()
        await websocket.send_message('{"type": "end"}')
        await trio.sleep_forever()

    server: trio_websocket.WebSocketServer = await nursery.start(
        trio_websocket.serve_websocket, handle, "127.0.0.1", 0, server_tls
    )
    desk = FakeDesk()
    with trio.fail_after(WAIT_S):
        ended = await run_relay(
            desk, CALL, f"wss://127.0.0.1:{server.port}/", terms=RelayTerms(tls=client_tls)
        )
    assert desk.commands == [HangUp()]
    if trusted:
        assert ended.status == "ended"
    else:
        assert "its certificate is not trusted" in ended.detail
    nursery.cancel_scope.cancel()
