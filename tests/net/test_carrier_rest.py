"""Real requests to simulated carriers on loopback, and to servers that are none."""

from __future__ import annotations

import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from net.far_ends import Certificates
from net.rest_sides import ACCOUNT, TOKEN, Keys, new_keys, placing_for, settings_for
from trioaudio.call_control import load_call_control
from trioaudio.core.backoff import Backoff
from trioaudio.core.call_control import CallControl, CallControlError
from trioaudio.core.carrier import Transfer
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret
from trioaudio.net.carrier_rest import CarrierRest, RestTiming, open_carrier_rest
from trioaudio.net.rest_link import RestLink
from trioaudio.simulators.rest import rest_names
from trioaudio.simulators.rest_serving import OpenRest, RestOptions, open_rest

FAST = RestTiming(connect=0.5, whole=0.5, backoff=Backoff(0.001, 0.001, 3))
PATIENT = attrs.evolve(FAST, connect=5.0, whole=5.0)
TRANSFER = Transfer(("+919811111111",), caller_id="+918040000000")
every_carrier = pytest.mark.parametrize("name", rest_names())


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return new_keys(tmp_path_factory.mktemp("keys"))


@attrs.frozen
class Side:
    """A simulated carrier, and our way to it."""

    opened: OpenRest
    rest: CarrierRest
    name: str

    @property
    def asked(self) -> int:
        return self.opened.requests.total()


@asynccontextmanager
async def a_side(
    name: str, *faults: str, keys: Keys | None = None, timing: RestTiming = PATIENT
) -> AsyncIterator[Side]:
    public = None if keys is None else keys.public
    options = RestOptions(
        name, account=attrs.evolve(ACCOUNT, public_key=public), faults=faults, dials=False
    )
    async with open_rest(options) as opened:
        settings = settings_for(name, opened.url, None if keys is None else keys.file)
        control = load_call_control(name)
        async with open_carrier_rest(control, settings, timing=timing) as rest:
            yield Side(opened, rest, name)


# --- What carriers understand ------------------------------------------------------------


@every_carrier
async def test_a_strict_carrier_takes_all_we_ask(name: str, keys: Keys) -> None:
    async with a_side(name, keys=keys) as side:
        call = await side.rest.place(placing_for(name))
        control = side.rest.control
        if control.wants_answer_url:
            assert side.opened.placed == []  # it will fetch what to do
        else:
            (target,) = side.opened.placed
            assert target.media == placing_for(name).media
            assert target.url.endswith(TOKEN)
        if call.call_id is None:
            assert name == "telecmi"
            return
        if control.transfer is not None:
            await side.rest.transfer(call.call_id, TRANSFER)
            assert side.opened.transferred == [call.call_id]
        if control.hang_up is not None:
            assert await side.rest.hang_up(call.call_id)
            assert side.opened.ended == [call.call_id]
            assert not await side.rest.hang_up(call.call_id), "it is over"


@every_carrier
async def test_wrong_credentials_are_told(name: str, keys: Keys, tmp_path: Path) -> None:
    async with a_side(name, keys=keys) as side:
        right = settings_for(name, side.opened.url, new_keys(tmp_path).file)
        given: dict[str, Any] = {
            field: Secret("another-secret")
            for field in side.rest.control.credentials
            if isinstance(getattr(right, field), Secret)
        }
        wrong = attrs.evolve(right, **given)
        async with open_carrier_rest(side.rest.control, wrong, timing=PATIENT) as rest:
            with pytest.raises(CallControlError, match="check TRIOAUDIO_") as refused:
                await rest.place(placing_for(name))
    assert not refused.value.maybe_done
    assert "another-secret" not in str(refused.value)
    assert refused.value.status in (200, 401)


@every_carrier
async def test_secrets_echoed_by_a_carrier_are_masked(name: str, keys: Keys) -> None:
    async with a_side(name, "echo", keys=keys) as side:
        with pytest.raises(CallControlError) as refused:
            await side.rest.place(placing_for(name))
    said = str(refused.value)
    assert "***" in said
    for secret in (ACCOUNT.secret, TOKEN, "stream-token"):
        assert secret not in said
    assert said.isprintable()
    assert len(said) < 600


# --- What is repeated, and what is not ---------------------------------------------------

TROUBLES = ("refuse=500", "refuse=503", "retry-after=0", "drop", "silent")


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_call_is_never_placed_twice(trouble: str) -> None:
    async with a_side("twilio", trouble, timing=FAST) as side:
        with pytest.raises(CallControlError) as refused:
            await side.rest.place(placing_for("twilio"))
        assert side.asked == 1
    # 429 is a plain no; of the rest nobody knows.
    assert refused.value.maybe_done is (trouble != "retry-after=0")


async def test_a_call_placed_without_an_answer_is_in_doubt() -> None:
    async with a_side("twilio", "drop-after", timing=FAST) as side:
        with pytest.raises(CallControlError, match="may have done what it was asked") as refused:
            await side.rest.place(placing_for("twilio"))
        assert len(side.opened.placed) == 1
    assert refused.value.maybe_done


async def test_a_success_that_cannot_be_read_is_in_doubt() -> None:
    async with a_side("twilio", "garbage") as side:
        with pytest.raises(CallControlError, match="not with a JSON object") as refused:
            await side.rest.place(placing_for("twilio"))
    assert refused.value.maybe_done


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_hang_up_is_tried_again(trouble: str) -> None:
    async with a_side("twilio", f"{trouble}@#2", f"{trouble}@#3", timing=FAST) as side:
        call = await side.rest.place(placing_for("twilio"))
        assert call.call_id is not None
        assert await side.rest.hang_up(call.call_id)
        assert side.asked == 4


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_but_not_for_ever(trouble: str) -> None:
    async with a_side("twilio", trouble, timing=FAST) as side:
        with pytest.raises(CallControlError):
            await side.rest.hang_up("CA42")
        assert side.asked == 3


async def test_a_refused_hang_up_is_not_tried_again() -> None:
    async with a_side("twilio", "refuse=403") as side:
        with pytest.raises(CallControlError, match="403"):
            await side.rest.hang_up("CA42")
        assert side.asked == 1


async def test_a_transfer_is_not_tried_again() -> None:
    async with a_side("twilio", "refuse=503") as side:
        with pytest.raises(CallControlError):
            await side.rest.transfer("CA42", TRANSFER)
        assert side.asked == 1


async def test_it_waits_as_long_as_it_is_asked_to() -> None:
    async with a_side("twilio", "retry-after=0.3@#2") as side:
        call = await side.rest.place(placing_for("twilio"))
        began = trio.current_time()
        assert await side.rest.hang_up(call.call_id or "")
        assert trio.current_time() - began >= 0.3


async def test_it_gives_up_in_time() -> None:
    async with a_side("twilio", "slow=5000", timing=FAST) as side:
        began = trio.current_time()
        with pytest.raises(CallControlError, match=r"did not answer within 0\.5 s"):
            await side.rest.place(placing_for("twilio"))
        assert trio.current_time() - began < 2


async def test_no_redirect_is_followed() -> None:
    async with a_side("twilio", "redirect") as side:
        with pytest.raises(CallControlError, match=r"redirects \(HTTP 307\); set its final URL"):
            await side.rest.hang_up("CA42")
        assert side.asked == 1


# --- Servers that are no carrier ---------------------------------------------------------

Converse = Callable[[trio.SocketStream], Awaitable[None]]


async def answer(data: bytes, stream: trio.SocketStream) -> None:
    asked = b""
    while b"TimeLimit=" not in asked:  # its last words: a request left unread is a reset
        asked += await stream.receive_some(65536)
    await stream.send_all(data)


@asynccontextmanager
async def a_server(converse: Converse) -> AsyncIterator[str]:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, converse, 0, host="127.0.0.1"))
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def twilio_at(url: str, timing: RestTiming = FAST) -> AsyncIterator[CarrierRest]:
    control = load_call_control("twilio")
    async with open_carrier_rest(control, settings_for("twilio", url), timing=timing) as rest:
        yield rest


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "disconnected|closed or lost"),
        (b"SMTP ready\r\n\r\n", "no proper HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", "closed connection|closed or lost"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 70_000, "more than 64 KiB"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + gzip.compress(b'{"sid":"CA"}', mtime=0), "JSON object"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n\xff\xfe\x1b[2J", "HTTP 502"),
    ],
    ids=["nothing", "no-http", "cut", "endless", "compressed", "binary"],
)
async def test_nonsense_is_one_line(data: bytes, words: str) -> None:
    async with a_server(partial(answer, data)) as url, twilio_at(url) as rest:
        with pytest.raises(CallControlError, match=words) as refused:
            await rest.place(placing_for("twilio"))
    assert refused.value.maybe_done
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("attempt", ["refused", "unknown"])
async def test_who_cannot_be_reached_was_asked_nothing(attempt: str, unused_port: int) -> None:
    where = "http://127.0.0.1" if attempt == "refused" else "https://nobody.invalid"
    async with twilio_at(f"{where}:{unused_port}", PATIENT) as rest:
        with pytest.raises(CallControlError, match="cannot be reached") as refused:
            await rest.place(placing_for("twilio"))
    assert not refused.value.maybe_done
    assert "all the same" not in str(refused.value)


async def test_who_accepts_nothing_was_asked_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            timing = attrs.evolve(FAST, connect=0.2)
            async with twilio_at(f"http://127.0.0.1:{port}", timing) as rest:
                with pytest.raises(CallControlError, match=r"within 0\.2 s") as refused:
                    await rest.place(placing_for("twilio"))
    assert not refused.value.maybe_done


async def test_a_certificate_nobody_vouches_for_is_refused(certificates: Certificates) -> None:
    async def converse(stream: trio.SocketStream) -> None:
        tls = trio.SSLStream(stream, certificates.server, server_side=True)
        with pytest.raises(trio.BrokenResourceError):
            await tls.do_handshake()

    async with a_server(converse) as url, twilio_at(url.replace("http", "https")) as rest:
        with pytest.raises(CallControlError, match="certificate is not trusted") as refused:
            await rest.place(placing_for("twilio"))
    assert not refused.value.maybe_done


async def test_over_tls(certificates: Certificates) -> None:
    body = b'{"sid":"CA42","status":"queued"}'

    async def converse(stream: trio.SocketStream) -> None:
        tls = trio.SSLStream(stream, certificates.server, server_side=True)
        await tls.receive_some(65536)
        head = f"HTTP/1.1 201 Created\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        await tls.send_all(head + body)

    async with a_server(converse) as url:
        settings = settings_for("twilio", url.replace("http", "https"))
        opening = open_carrier_rest(
            load_call_control("twilio"),
            settings,
            timing=PATIENT,
            tls_context=certificates.client,
        )
        async with opening as rest:
            assert (await rest.place(placing_for("twilio"))).call_id == "CA42"


async def test_no_proxy_of_the_environment_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(each, "http://127.0.0.1:9")
    async with a_side("twilio") as side:
        assert (await side.rest.place(placing_for("twilio"))).call_id


async def test_cancelled_it_leaves_nothing_behind() -> None:
    async def silent(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
        await trio.sleep_forever()

    async with a_server(silent) as url, twilio_at(url, PATIENT) as rest:
        for after in (0.0, 0.001, 0.01, 0.1):
            with trio.move_on_after(after) as scope:
                await rest.place(placing_for("twilio"))
            assert scope.cancelled_caught


# --- What is missing ---------------------------------------------------------------------


async def test_missing_credentials_are_all_named() -> None:
    control = load_call_control("twilio")
    empty = attrs.evolve(
        settings_for("twilio", "http://127.0.0.1:9"), account_sid="", auth_token=Secret()
    )  # type: ignore[call-arg]
    with pytest.raises(ConfigError) as refused:
        async with open_carrier_rest(control, empty):
            pass
    names = [problem.partition(":")[0] for problem in refused.value.problems]
    assert names == ["TRIOAUDIO_TWILIO_ACCOUNT_SID", "TRIOAUDIO_TWILIO_AUTH_TOKEN"]


async def test_what_a_carrier_cannot_do_is_said() -> None:
    control = CallControl("acme", "https://acme.example")
    async with open_carrier_rest(control, settings_for("twilio", "http://127.0.0.1:9")) as rest:
        with pytest.raises(ConfigError, match="places no calls"):
            await rest.place(placing_for("twilio"))
        with pytest.raises(ConfigError, match="ends no calls"):
            await rest.hang_up("CA42")
        with pytest.raises(ConfigError, match="transfers no calls"):
            await rest.transfer("CA42", TRANSFER)


@pytest.mark.parametrize("key", ["line\nbreak", "\udc80", "ключ"])
async def test_a_key_that_fits_in_no_header_is_said_without_showing_it(key: str) -> None:
    settings = attrs.evolve(settings_for("telnyx", "http://127.0.0.1:9"), api_key=Secret(key))  # type: ignore[call-arg]
    async with open_carrier_rest(load_call_control("telnyx"), settings, timing=FAST) as rest:
        with pytest.raises(ConfigError, match="does not fit in a request") as refused:
            await rest.hang_up("v3:1")
    assert key not in str(refused.value)


# --- One call ----------------------------------------------------------------------------


async def test_a_link_ends_its_call_once() -> None:
    async with a_side("twilio") as side:
        call = await side.rest.place(placing_for("twilio"))
        link = RestLink(side.rest, call.call_id)
        # What the placement was told counts, whatever the media stream says.
        await link.hang_up("CA-of-the-stream")
        await link.hang_up(None)
        assert side.opened.ended == [call.call_id]
        assert side.asked == 2
        assert link.over


async def test_a_link_tries_the_stream_s_id_when_the_placement_s_is_not_known() -> None:
    async with a_side("twilio") as side:
        call = await side.rest.place(placing_for("twilio"))
        await RestLink(side.rest, "CA-of-the-placement").hang_up(call.call_id)
        assert side.opened.ended == [call.call_id]


async def test_a_transferred_call_is_not_a_link_s_to_end() -> None:
    async with a_side("twilio") as side:
        call = await side.rest.place(placing_for("twilio"))
        link = RestLink(side.rest, call.call_id)
        await link.transfer(None, TRANSFER)
        await link.hang_up(None)
        assert side.opened.ended == []


async def test_a_link_without_an_id_says_so() -> None:
    async with a_side("twilio") as side:
        link = RestLink(side.rest)
        with pytest.raises(CallControlError, match="has not told the call's id"):
            await link.hang_up(None)
        assert not link.over
        assert side.asked == 0


async def test_a_call_that_came_in_is_answered_by_a_command() -> None:
    async with a_side("telnyx") as side:
        await side.rest.answer(side.opened.desk.new_call("v3:"), placing_for("telnyx"))
        assert side.opened.placed[0].url == placing_for("telnyx").media_url
        with pytest.raises(CallControlError) as caught:
            await side.rest.answer("v3:unknown", placing_for("telnyx"))
        assert caught.value.status == 404
    async with a_side("telnyx", "echo") as side:
        with pytest.raises(CallControlError) as caught:
            await side.rest.answer(side.opened.desk.new_call("v3:"), placing_for("telnyx"))
        assert TOKEN not in str(caught.value)
    async with a_side("twilio") as side:
        with pytest.raises(ConfigError, match="answers no calls by a command"):
            await side.rest.answer("CA1", placing_for("twilio"))


async def test_more_requests_than_connections_wait_and_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trioaudio.net.carrier_rest.MOST_REQUESTS", 1)
    timing = attrs.evolve(FAST, connect=0.2, whole=3.0)
    errors: list[CallControlError] = []
    async with a_side("telnyx", "slow=500", timing=timing) as side:

        async def place() -> None:
            try:
                await side.rest.place(placing_for("telnyx"))
            except CallControlError as exc:
                errors.append(exc)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(place)
        assert len(side.opened.placed) == 1
    assert len(errors) == 2
    assert all("was not asked: 1 requests are under way" in str(each) for each in errors)
    assert not any(each.maybe_done for each in errors)
