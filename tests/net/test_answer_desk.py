"""Webhooks over real sockets: what is read, what is refused, and what a slow client can hold up."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from net.far_ends import Certificates, Opened, listening, read_all, until, upgrade_request
from trioaudio.core.facts import DoorRefused
from trioaudio.core.webhook import HttpAnswer, WebhookRequest
from trioaudio.net.admission import Admission
from trioaudio.net.answer_desk import (
    LARGEST_BODY,
    MOST_FIELDS,
    Question,
    is_question,
    read_question,
    response,
)
from trioaudio.net.far_address import networks_of
from trioaudio.net.refusal import Refusal
from trioaudio.net.upgrade_head import RequestHead, parse_request, read_public_url

DOCUMENT = HttpAnswer(200, "application/xml", "<Response/>")
FORM = "Content-Type: application/x-www-form-urlencoded; charset=UTF-8"


@attrs.define(eq=False)
class Asked:
    """Takes what is asked, and answers as it is told to."""

    says: HttpAnswer | Refusal | Exception = DOCUMENT
    requests: list[WebhookRequest] = attrs.field(factory=list)

    async def __call__(self, request: WebhookRequest) -> HttpAnswer | Refusal:
        self.requests.append(request)
        await trio.lowlevel.checkpoint()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@asynccontextmanager
async def a_desk(
    admission: Admission | None = None, says: HttpAnswer | Refusal | Exception = DOCUMENT
) -> AsyncIterator[tuple[Opened, Asked]]:
    asked = Asked(says)
    async with listening(admission) as opened:
        opened.listener.answer_with(asked)
        yield opened, asked


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = (f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join((*lines, "", "")).encode() + body


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", "")).encode()


async def told(opened: Opened, data: bytes) -> bytes:
    async with await opened.knock() as stream:
        await stream.send_all(data)
        return await read_all(stream)


# --- What is read -------------------------------------------------------------------------


async def test_a_form_is_read_and_answered() -> None:
    async with a_desk() as (opened, asked):
        answer = await told(opened, post("/answer/twilio?x=1&x=", b"To=%2B91&A=b+c", FORM))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"Content-Type: application/xml" in head
        assert b"Connection: close" in head
        assert b"Cache-Control: no-store" in head
        assert body == b"<Response/>"
        (request,) = asked.requests
        assert (request.carrier, request.key, request.method) == ("twilio", None, "POST")
        assert request.url == "http://localhost/answer/twilio?x=1&x="
        assert request.query_pairs == (("x", "1"), ("x", ""))
        assert request.form == (("To", "+91"), ("A", "b c"))
        assert (request.body, request.json) == (b"To=%2B91&A=b+c", None)
        assert request.headers["content-length"] == "14"
        assert request.peer == "127.0.0.1"
        await until(lambda: opened.listener.statistics().in_handshake == 0)
        found = opened.listener.statistics()
        assert (found.answered, found.accepted, found.abandoned) == (1, 0, 0)
        assert found.refused == {}


async def test_json_is_read_whatever_it_is_called() -> None:
    async with a_desk(says=HttpAnswer()) as (opened, asked):
        answer = await told(opened, post("/answer/vonage/a-key-of-some-length", b'{"a": [1]}'))
        assert answer.startswith(b"HTTP/1.1 204 No Content\r\n")
        assert b"Content-Length" not in answer
        assert asked.requests[0].json == {"a": [1]}
        assert asked.requests[0].key == "a-key-of-some-length"
        for junk in (b"[" * 60_000, b"\xff\xfe", b"{", b"9" * 60_000, b""):
            await told(opened, post("/answer/vonage", junk))
        assert [each.json for each in asked.requests[1:]] == [None] * 5


async def test_a_get_has_its_facts_in_the_query() -> None:
    async with a_desk() as (opened, asked):
        assert b" 200 " in await told(opened, get("/answer/exotel/?CallSid=1"))
        assert asked.requests[0].text("CallSid") == "1"
        assert asked.requests[0].body == b""


async def test_the_body_may_come_byte_by_byte_and_after_a_nod() -> None:
    data = post("/answer/twilio", b"a=1", FORM, "Expect: 100-continue")
    async with a_desk() as (opened, asked), await opened.knock() as stream:
        await stream.send_all(data[:-3])
        assert (await stream.receive_some(100)).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        for byte in data[-3:]:
            await stream.send_all(bytes((byte,)))
            await trio.lowlevel.checkpoint()
        assert b" 200 " in await read_all(stream)
        assert asked.requests[0].form == (("a", "1"),)


async def test_the_largest_body() -> None:
    async with a_desk() as (opened, asked):
        body = b"x" * LARGEST_BODY
        assert b" 200 " in await told(opened, post("/answer/twilio", body))
        assert asked.requests[0].body == body


async def test_over_tls(certificates: Certificates) -> None:
    async with a_desk(Admission(tls_context=certificates.server)) as (opened, asked):
        stream = trio.SSLStream(
            await opened.knock(),
            certificates.client,
            server_hostname="127.0.0.1",
            https_compatible=True,
        )
        async with stream:
            await stream.send_all(post("/answer/twilio", b"a=1" * 9000, FORM))
            assert b" 200 " in await read_all(stream)
        assert asked.requests[0].url == "https://localhost/answer/twilio"
        assert opened.listener.web_url("/answer/twilio").startswith("https://127.0.0.1:")


@pytest.mark.parametrize("prefix", ["", "/tel"])
async def test_behind_a_proxy(prefix: str) -> None:
    admission = Admission(
        public_url=read_public_url("wss://voice.example.com/tel/"),
        trusted_proxies=networks_of(("127.0.0.1",)),
    )
    async with a_desk(admission) as (opened, asked):
        request = post(f"{prefix}/answer/plivo?b=1", b"", "X-Forwarded-For: 192.0.2.9")
        assert b" 200 " in await told(opened, request)
        assert asked.requests[0].url == "https://voice.example.com/tel/answer/plivo?b=1"
        assert asked.requests[0].peer == "192.0.2.9"
        expected = "https://voice.example.com/tel/answer/plivo"
        assert opened.listener.web_url("/answer/plivo") == expected


async def test_the_doors_are_where_they_were() -> None:
    async with a_desk() as (opened, _), await opened.knock() as stream:
        await stream.send_all(upgrade_request())
        async with opened.door.connect(1):
            assert b" 101 " in await stream.receive_some(4096)
        assert b" 404 " in await told(opened, upgrade_request("/elsewhere"))
        assert b" 426 " in await told(opened, get("/answers"))


async def test_without_a_desk_there_is_no_such_path() -> None:
    async with listening() as opened:
        assert b" 405 " in await told(opened, post("/answer/twilio", b""))
        assert b" 426 " in await told(opened, get("/answer/twilio"))
        assert b" 404 " in await told(opened, upgrade_request("/answer/twilio"))


# --- What is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (post("/answer/", b""), 404),
        (post("/answer/Twilio", b""), 404),
        (post("/answer/twilio/a/b", b""), 404),
        (post("/answer/twilio/%00", b""), 404),
        (post(f"/answer/{'x' * 41}", b""), 404),
        (post("/answer/twilio", b"").replace(b"POST", b"PUT"), 405),
        (post("/answer/twilio", b"").replace(b"POST", b"HEAD"), 405),
        (post("/answer/twilio", b"").replace(b"Content-Length: 0", b"A: 0"), 411),
        (
            post("/answer/twilio", b"").replace(
                b"Content-Length: 0", b"Transfer-Encoding: chunked"
            ),
            411,
        ),
        (post("/answer/twilio", b"x" * (LARGEST_BODY + 1)), 413),
        (post("/answer/twilio", b"").replace(b"h: 0", b"h: 99999999999999999999"), 413),
        (post("/answer/twilio", b"").replace(b"h: 0", b"h: -1"), 400),
        (post("/answer/twilio", b"").replace(b"h: 0", b"h: 0\r\nContent-Length: 1"), 400),
        (post("/answer/twilio", b"&a" * (MOST_FIELDS + 1), FORM), 400),
        (get("/answer/twilio?" + "&a" * (MOST_FIELDS + 1)), 400),
    ],
)
async def test_what_is_no_webhook(data: bytes, status: int) -> None:
    async with a_desk() as (opened, asked):
        assert (await told(opened, data)).startswith(b"HTTP/1.1 %d " % status)
        assert asked.requests == []
        assert opened.listener.statistics().refused == {status: 1}
        assert b" 200 " in await told(opened, get("/answer/twilio"))


async def test_who_asks_with_wrong_proofs_is_turned_away() -> None:
    no = Refusal(HTTPStatus.FORBIDDEN, "hush")
    async with a_desk(Admission(refusals_most=3), says=no) as (opened, asked):
        answers = [await told(opened, post("/answer/twilio", b"")) for _ in range(3)]
        assert all(each.startswith(b"HTTP/1.1 403 ") for each in answers)
        assert not any(b"hush" in each for each in answers)
        async with await opened.knock() as stream:
            assert (await read_all(stream)).startswith(b"HTTP/1.1 429 ")
        assert len(asked.requests) == 3


async def test_who_is_only_not_served_is_not() -> None:
    busy = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "full", {"Retry-After": "7"})
    async with a_desk(Admission(refusals_most=1), says=busy) as (opened, _):
        for _ in range(3):
            answer = await told(opened, post("/answer/twilio", b""))
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"Retry-After: 7\r\n" in answer


async def test_a_bug_in_an_answer_is_told_and_ends_nothing() -> None:
    bug = ZeroDivisionError("hush")
    async with a_desk(says=bug) as (opened, asked):
        assert b" 500 " in await told(opened, get("/answer/twilio"))
        (fact,) = opened.facts
        assert isinstance(fact, DoorRefused)
        assert fact.reason == "internal error in answering twilio: ZeroDivisionError"
        assert fact.bug is bug
        asked.says = DOCUMENT
        assert b" 200 " in await told(opened, get("/answer/twilio"))


# --- Who is slow --------------------------------------------------------------------------


async def test_a_body_that_never_comes_is_not_waited_for() -> None:
    async with a_desk(Admission(handshake_s=0.1)) as (opened, asked):
        async with await opened.knock() as stream:
            await stream.send_all(post("/answer/twilio", b"a=1", FORM)[:-1])
            assert await read_all(stream) == b""
        assert asked.requests == []
        assert opened.listener.statistics().abandoned == 1


async def go_on(stream: trio.SocketStream) -> None:
    """Send a byte now and then, until the far end has had enough."""
    while True:
        await stream.send_all(b"a")
        await trio.sleep(0.02)


async def test_bodies_that_drip_hold_up_nobody() -> None:
    async with a_desk(Admission(handshake_s=0.3)) as (opened, asked), trio.open_nursery() as drips:

        async def drip() -> None:
            async with await opened.knock() as stream:
                data = post("/answer/twilio", b"a" * 1000)
                await stream.send_all(data[:-1000])
                with pytest.raises(trio.BrokenResourceError):
                    await go_on(stream)

        for _ in range(20):
            drips.start_soon(drip)
        await until(lambda: opened.listener.statistics().in_handshake >= 20)
        assert b" 200 " in await told(opened, get("/answer/twilio"))
        assert len(asked.requests) == 1


async def test_who_leaves_in_the_middle_is_counted_apart() -> None:
    async with a_desk() as (opened, asked):
        async with await opened.knock() as stream:
            await stream.send_all(post("/answer/twilio", b"a=1")[:-1])
        await until(lambda: opened.listener.statistics().abandoned == 1)
        assert asked.requests == []


async def test_an_answer_that_takes_too_long_is_given_up() -> None:
    async def never(request: WebhookRequest) -> HttpAnswer | Refusal:
        await trio.sleep_forever()
        raise AssertionError(request)

    async with listening(Admission(handshake_s=0.1)) as opened:
        opened.listener.answer_with(never)
        assert await told(opened, get("/answer/twilio")) == b""
        assert opened.listener.statistics().in_handshake == 0


# --- Anything at all ----------------------------------------------------------------------

HEAD_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)


def asked_of(head: RequestHead) -> Question | Refusal:
    return read_question(head, None, here="ws://127.0.0.1:1", peer="p", at=0.0)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["GET", "POST", "PUT", "get"]),
    st.sampled_from(["/answer/", "/answer/twilio", "/answer/twilio/", "/"]),
    HEAD_TEXT,
    st.lists(
        st.tuples(
            st.sampled_from(["Content-Length", "Transfer-Encoding", "Host", "X-Forwarded-For"]),
            HEAD_TEXT | st.sampled_from(["0", "12", "065536", "65537", "chunked"]),
        ),
        max_size=4,
    ),
)
def test_any_head_is_a_question_or_refused(
    method: str, path: str, tail: str, headers: list[tuple[str, str]]
) -> None:
    lines = [f"{method} {path}{tail} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    head = parse_request("\r\n".join((*lines, "", "")).encode())
    if isinstance(head, Refusal):
        assert head.status == 400
        return
    found = asked_of(head)
    if isinstance(found, Refusal):
        assert found.status in (404, 405, 411, 413)
    else:
        assert is_question(head.path)
        assert 0 <= found.length <= LARGEST_BODY
        assert found.head.method in ("GET", "POST")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_head_or_refused(data: bytes) -> None:
    assert isinstance(parse_request(data), RequestHead | Refusal)


async def test_any_body_is_read() -> None:
    bodies = [
        b"",
        b"=",
        b"&&&",
        b"%",
        b"%ff=%00",
        b"\xff=\xfe",
        b"a=1;b=2",
        json.dumps("x").encode(),
    ]
    async with a_desk() as (opened, asked):
        for body in bodies:
            for kind in (FORM, "Content-Type: application/json", "Content-Type: \xe4"):
                assert b" 200 " in await told(opened, post("/answer/twilio", body, kind))
        assert len(asked.requests) == 3 * len(bodies)


def test_a_response_has_no_body_where_none_may_be() -> None:
    assert response(HttpAnswer(204)).endswith(b"\r\n\r\n")
    assert b"Content-Length: 2\r\n" in response(HttpAnswer(200, "text/plain", "\xe4"))
