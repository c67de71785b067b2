"""What webhooks are answered with: without sockets, and once over all of them."""

from __future__ import annotations

import base64
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

import attrs
import pytest
import trio
import trio.testing

from call_control.webhooks import webhook
from net.rest_sides import ACCOUNT, settings_for
from trioaudio.answering import CALLS_REMEMBERED, PAGES_REMEMBERED, AnsweredCarrier, Answering
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.call_control import load_call_control
from trioaudio.carriers import load_carrier
from trioaudio.core.call_control import AnswerDocument
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.secret import Secret
from trioaudio.core.webhook import CallStage, HttpAnswer, IncomingCall, WebhookRequest
from trioaudio.net.carrier_rest import CarrierRest, RestTiming, open_carrier_rest
from trioaudio.net.refusal import GUESSES, Refusal
from trioaudio.net.webhook_policy import webhook_policy_for
from trioaudio.settings import Settings
from trioaudio.simulators.rest_serving import OpenRest, RestOptions, open_rest

KEY = Secret("hush-hush-a-long-random-key")
MEDIA = "wss://voice.example.com/media/{}"
CALL = {"action": "inbound", "from": "91", "to": "92", "cmiuuid": "c-1"}


@attrs.define(eq=False)
class Desk:
    """Expects calls as a daemon would, and remembers what it was told."""

    error: RequestError | None = None
    expected: list[IncomingCall] = attrs.field(factory=list)
    told: list[tuple[str, IncomingCall]] = attrs.field(factory=list)
    gate: trio.Event | None = None

    async def expect(self, carrier: str, call: IncomingCall) -> str:
        await trio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error
        self.expected.append(call)
        if self.gate is not None:
            await self.gate.wait()
        return MEDIA.format(f"{carrier}-{len(self.expected)}")

    def hear(self, carrier: str, call: IncomingCall) -> None:
        self.told.append((carrier, call))

    @property
    def stages(self) -> list[CallStage]:
        return [call.stage for _, call in self.told]


def a_carrier(
    name: str,
    own: CarrierSettings | None = None,
    rest: CarrierRest | None = None,
    *,
    authentication: str = "on",
) -> AnsweredCarrier:
    carrier, control = load_carrier(name), load_call_control(name)
    own = own or carrier.settings
    settings = Settings(authentication=authentication)  # type: ignore[arg-type]
    policy = webhook_policy_for(control, own, settings, "127.0.0.1", key=KEY)
    return AnsweredCarrier(control, own, carrier.media_format(own, 8000), policy, rest)


def answering(desk: Desk, names: Sequence[str] = ("telecmi", "twilio", "plivo")) -> Answering:
    return Answering({name: a_carrier(name) for name in names}, desk.expect, desk.hear)


def keyed(request: WebhookRequest, key: str | None = None) -> WebhookRequest:
    return attrs.evolve(request, key=key or KEY.get())


def at(request: WebhookRequest, path: str) -> WebhookRequest:
    return attrs.evolve(request, key=path.rpartition("/")[2])


def refused(found: HttpAnswer | Refusal) -> Refusal:
    assert isinstance(found, Refusal)
    return found


def document_of(found: HttpAnswer | Refusal) -> str:
    assert isinstance(found, HttpAnswer)
    assert found.status == 200
    return found.body


# --- A call that comes in -----------------------------------------------------------------


async def test_a_call_is_connected_to_a_url_of_its_own() -> None:
    desk = Desk()
    ours = answering(desk)
    found = await ours.answer(keyed(webhook("telecmi", told=CALL)))
    assert MEDIA.format("telecmi-1") in document_of(found)
    assert isinstance(found, HttpAnswer)
    assert found.content_type == "application/json"
    form = {"CallSid": "CA1", "From": "+1", "To": "+2", "CallStatus": "ringing"}
    twiml = document_of(await ours.answer(keyed(webhook("twilio", form))))
    assert f'<Stream url="{MEDIA.format("twilio-2")}"' in twiml
    assert [call.call_id for call in desk.expected] == ["c-1", "CA1"]
    assert desk.told == []


async def test_who_asks_again_is_told_the_same() -> None:
    desk = Desk()
    ours = answering(desk)
    request = keyed(webhook("telecmi", told=CALL))
    first = await ours.answer(request)
    assert await ours.answer(request) is first
    assert len(desk.expected) == 1
    # Another carrier's call may have the same id.
    await ours.answer(keyed(webhook("twilio", {"CallSid": "c-1"})))
    assert len(desk.expected) == 2


async def test_who_asks_twice_at_once_is_told_the_same() -> None:
    desk = Desk(gate=trio.Event())
    ours = answering(desk)
    found: list[HttpAnswer | Refusal] = []

    async def ask() -> None:
        found.append(await ours.answer(keyed(webhook("telecmi", told=CALL))))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        assert desk.gate is not None
        desk.gate.set()
    assert found[0] is found[1]
    assert len(desk.expected) == 1


async def test_who_was_cut_off_is_not_told_of_a_second_call() -> None:
    desk = Desk()
    broken = attrs.evolve(a_carrier("telnyx"), rest=None)
    ours = Answering({"telnyx": broken}, desk.expect, desk.hear)
    asked = ours._entry("telecmi", "c-1")
    asked.media_url = MEDIA.format("made-before")  # and then its connection was lost
    ours.replace_carriers({"telecmi": a_carrier("telecmi")})
    found = await ours.answer(keyed(webhook("telecmi", told=CALL)))
    assert MEDIA.format("made-before") in document_of(found)
    assert desk.expected == []


async def test_a_call_that_is_over_is_forgotten() -> None:
    desk = Desk()
    ours = answering(desk)
    asks = keyed(webhook("telecmi", told=CALL))
    await ours.answer(asks)
    over = keyed(webhook("telecmi", told={**CALL, "status": "hangup"}))
    assert await ours.answer(over) == HttpAnswer(204)
    assert desk.stages == [CallStage.OVER]
    assert ours._asked == {}
    await ours.answer(asks)
    ours.forget("telecmi", "c-1")
    ours.forget("telecmi", "c-1")
    assert ours._asked == {}


async def test_what_is_only_told_is_heard() -> None:
    desk = Desk()
    ours = answering(desk)
    news = keyed(webhook("telecmi", told={**CALL, "status": "ringing"}))
    assert await ours.answer(news) == HttpAnswer(204)
    assert desk.told[0][0] == "telecmi"
    assert (desk.stages, desk.expected) == ([CallStage.GOES_ON], [])


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trioaudio.answering.CALLS_REMEMBERED", 3)
    monkeypatch.setattr("trioaudio.answering.PAGES_REMEMBERED", 2)
    assert (CALLS_REMEMBERED, PAGES_REMEMBERED) == (10_000, 4096)
    ours = answering(Desk())
    for number in range(5):
        await ours.answer(keyed(webhook("telecmi", told={**CALL, "cmiuuid": str(number)})))
    assert list(ours._asked) == [("telecmi", each) for each in ("2", "3", "4")]
    for _ in range(4):
        ours.close_page(ours.open_page("plivo", AnswerDocument("text/xml", "<a/>")))
    assert len(ours._closed_pages) == 2


# --- A call that does not -----------------------------------------------------------------


async def test_while_no_calls_are_taken() -> None:
    desk = Desk(RequestError(RequestFault.BUSY, "draining", retry_after_s=2.5))
    ours = answering(desk)
    found = refused(await ours.answer(keyed(webhook("telecmi", told=CALL))))
    assert (found.status, found.headers) == (HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "3"})
    desk.error = RequestError(RequestFault.BUSY, "full")
    found = refused(await ours.answer(keyed(webhook("telecmi", told=CALL))))
    assert found.headers == {"Retry-After": "10"}
    assert found.status not in GUESSES
    desk.error = None
    assert document_of(await ours.answer(keyed(webhook("telecmi", told=CALL))))


async def test_a_stranger_learns_nothing() -> None:
    desk = Desk()
    ours = answering(desk)
    for request, status in (
        (webhook("telecmi", told=CALL), 401),
        (keyed(webhook("telecmi", told=CALL), "hush"), 403),
        (keyed(webhook("telnyx", told=CALL)), 404),
        (webhook("nobody"), 404),
    ):
        found = refused(await ours.answer(request))
        assert found.status == status
        assert found.status in GUESSES
        assert "hush" not in found.reason
    assert (desk.expected, desk.told) == ([], [])


async def test_what_the_carrier_says_and_we_do_not_read_is_no_guess() -> None:
    found = refused(await answering(Desk()).answer(keyed(webhook("telecmi", told={"a": 1}))))
    assert found.status == 422
    assert found.status not in GUESSES


async def test_a_document_that_cannot_be_made_is_told_to_the_operator() -> None:
    desk = Desk()
    own = attrs.evolve(a_carrier("twilio"))

    async def insecure(carrier: str, call: IncomingCall) -> str:
        await desk.expect(carrier, call)
        return "ws://voice.example.com/media/x"

    ours = Answering({"twilio": own}, insecure, desk.hear)
    form = {"CallSid": "CA1", "From": "+1", "To": "+2"}
    found = refused(await ours.answer(keyed(webhook("twilio", form))))
    assert found.status == 500
    assert "twilio dials wss:// only" in found.reason
    # The call that was made for it learns that nobody comes.
    assert [(call.call_id, call.stage) for _, call in desk.told] == [("CA1", CallStage.OVER)]
    assert ours._asked == {}


async def test_a_carrier_without_a_document_or_a_way_to_answer() -> None:
    desk = Desk()
    bare = a_carrier("telecmi")
    bare = attrs.evolve(bare, control=attrs.evolve(bare.control, answer_document=None))
    ours = Answering({"telecmi": bare}, desk.expect, desk.hear)
    found = refused(await ours.answer(keyed(webhook("telecmi", told=CALL))))
    assert "what it is to be answered with is not known" in found.reason
    ours.replace_carriers({"telnyx": a_carrier("telnyx")})
    found = refused(await ours.answer(keyed(telnyx_call())))
    assert "answered by REST, which is not set up" in found.reason


# --- A carrier that is answered by a command ----------------------------------------------


def telnyx_call(call_id: str = "v3:abc") -> WebhookRequest:
    payload = {"call_control_id": call_id, "direction": "incoming", "from": "+1", "to": "+2"}
    return webhook("telnyx", told={"data": {"event_type": "call.initiated", "payload": payload}})


@asynccontextmanager
async def a_rest(*faults: str) -> AsyncIterator[tuple[OpenRest, CarrierRest, CarrierSettings]]:
    options = RestOptions("telnyx", account=ACCOUNT, faults=faults, dials=False)
    async with open_rest(options) as opened:
        own = settings_for("telnyx", opened.url)
        timing = RestTiming(whole=2.0)
        async with open_carrier_rest(load_call_control("telnyx"), own, timing=timing) as rest:
            yield opened, rest, own


async def test_a_command_answers_a_call() -> None:
    desk = Desk()
    async with a_rest() as (opened, rest, own):
        ours = Answering({"telnyx": a_carrier("telnyx", own, rest)}, desk.expect, desk.hear)
        request = keyed(telnyx_call(opened.desk.new_call("v3:")))
        assert await ours.answer(request) == HttpAnswer(204)
        assert await ours.answer(request) == HttpAnswer(204)
        assert len(desk.expected) == 1
        (target,) = opened.placed
        assert target.url == MEDIA.format("telnyx-1")
        assert dict(target.headers) == {"x-telnyx-streaming-auth-token": "stream-token"}


async def test_a_command_that_is_refused() -> None:
    desk = Desk()
    async with a_rest("refuse=403") as (_, rest, own):
        ours = Answering({"telnyx": a_carrier("telnyx", own, rest)}, desk.expect, desk.hear)
        found = refused(await ours.answer(keyed(telnyx_call())))
        assert found.status == HTTPStatus.BAD_GATEWAY
        assert "telnyx refuses (HTTP 403" in found.reason
        assert desk.stages == [CallStage.OVER]


# --- A call of ours -----------------------------------------------------------------------


async def test_a_placed_calls_document_is_served_on_its_page() -> None:
    desk = Desk()
    ours = answering(desk)
    path = ours.open_page("plivo", AnswerDocument("application/xml", "<Response/>"))
    other = ours.open_page("plivo", AnswerDocument("application/xml", "<Other/>"))
    assert path.startswith("/answer/plivo/")
    assert len(path) > 40
    for _ in range(2):
        asks = at(webhook("plivo", {"CallUUID": "u", "Event": "StartApp"}), path)
        assert document_of(await ours.answer(asks)) == "<Response/>"
    assert document_of(await ours.answer(at(webhook("plivo"), path))) == "<Response/>"
    assert document_of(await ours.answer(at(webhook("plivo"), other))) == "<Other/>"
    # A page is its carrier's only.
    assert refused(await ours.answer(at(webhook("twilio"), path))).status == 403
    assert (desk.expected, desk.told) == ([], [])


async def test_what_is_told_on_a_page_is_heard_even_when_it_is_closed() -> None:
    desk = Desk()
    ours = answering(desk)
    path = ours.open_page("plivo", AnswerDocument("application/xml", "<Response/>"))
    over = at(webhook("plivo", {"CallUUID": "u", "Event": "Hangup"}), path)
    assert await ours.answer(over) == HttpAnswer(204)
    ours.close_page(path)
    assert await ours.answer(over) == HttpAnswer(204)
    assert desk.stages == [CallStage.OVER] * 2
    asks = at(webhook("plivo", {"CallUUID": "u", "Event": "StartApp"}), path)
    found = refused(await ours.answer(asks))
    assert found.status == HTTPStatus.GONE
    assert found.status not in GUESSES


async def test_a_page_of_a_carrier_that_is_no_longer_set_up() -> None:
    ours = answering(Desk())
    path = ours.open_page("plivo", AnswerDocument("application/xml", "<Response/>"))
    ours.replace_carriers({})
    assert document_of(await ours.answer(at(webhook("plivo"), path))) == "<Response/>"


# --- Signatures ---------------------------------------------------------------------------


async def test_a_signature_is_enough_and_a_wrong_one_is_a_guess() -> None:
    desk = Desk()
    own = attrs.evolve(load_carrier("vobiz").settings, auth_token=Secret("token"))  # type: ignore[call-arg]
    ours = Answering({"vobiz": a_carrier("vobiz", own)}, desk.expect, desk.hear)
    text = b"https://voice.example.com/answer/vobiz.nonce"
    mac = base64.b64encode(hmac.digest(b"token", text, "sha256")).decode()
    headers = {"X-Vobiz-Signature-V3": mac, "X-Vobiz-Signature-V3-Nonce": "nonce"}
    asks = webhook("vobiz", {"CallUUID": "u-1", "Event": "StartApp"}, headers=headers)
    assert MEDIA.format("vobiz-1") in document_of(await ours.answer(asks))
    wrong = attrs.evolve(asks, headers={**asks.headers, "x-vobiz-signature-v3": "x"})
    assert refused(await ours.answer(wrong)).status == 403
