"""What holds for every carrier's webhooks, and those that have no file of their own."""

from __future__ import annotations

import contextlib
import hashlib
import hmac

import attrs
import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from call_control.test_call_controls import usual_settings
from call_control.webhooks import NOW, check, given, read, webhook, with_headers
from trioaudio.call_control import call_control_names, load_call_control
from trioaudio.carriers import load_carrier
from trioaudio.carriers.jambonz import JambonzSettings
from trioaudio.core.secret import Secret
from trioaudio.core.webhook import (
    CallStage,
    UnreadableWebhookError,
    WebhookRefusedError,
    WebhookRequest,
)

every_control = pytest.mark.parametrize("name", call_control_names())
SIGNING = [name for name in call_control_names() if load_call_control(name).webhook_check]
TEXTS = st.text(max_size=20)


@every_control
def test_every_carrier_with_a_document_reads_its_webhooks(name: str) -> None:
    control = load_call_control(name)
    assert control.read_webhook is not None
    with pytest.raises(UnreadableWebhookError):
        control.read_webhook(webhook(name))


@every_control
@settings(max_examples=30, deadline=None)
@examples(
    form=st.dictionaries(TEXTS, TEXTS, max_size=5),
    told=st.recursive(
        st.none() | st.booleans() | st.integers() | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    ),
    headers=st.dictionaries(TEXTS, TEXTS, max_size=3),
)
def test_whatever_is_told_is_read_or_is_not(
    name: str, form: dict[str, str], told: object, headers: dict[str, str]
) -> None:
    names = ("CallSid", "CallUUID", "uuid", "call_sid", "cmiuuid", "call_id", "data")
    for request in (
        webhook(name, {**form, "CallSid": "1"}),
        webhook(name, told=dict.fromkeys(names, told)),
        webhook(name, told=told),
    ):
        request_ = attrs.evolve(request, headers={**request.headers, **headers})
        with contextlib.suppress(UnreadableWebhookError):
            assert read(request_).call_id
        if name in SIGNING:
            with pytest.raises(WebhookRefusedError):
                check(request_, usual_settings(name))


@pytest.mark.parametrize("name", SIGNING)
def test_every_signature_names_a_setting(name: str) -> None:
    proof = load_call_control(name).webhook_check
    assert proof is not None
    bare = load_carrier(name).settings
    missing = proof.missing(bare)
    assert missing is not None
    assert proof.missing(given(bare, **{missing: Secret("hush-hush")})) is None
    assert proof.proof


# --- jambonz ------------------------------------------------------------------------------

JAMBONZ = given(JambonzSettings(), webhook_secret=Secret("whs-1"))
ASKED = {"call_sid": "c-1", "direction": "inbound", "from": "1", "to": "2", "call_status": "trying"}


def by_jambonz(request: WebhookRequest, at: float = NOW) -> WebhookRequest:
    time = str(int(at))
    mac = hmac.new(b"whs-1", f"{time}.".encode() + request.body, hashlib.sha256).hexdigest()
    return with_headers(request, Jambonz_Signature=f"t={time},v1=00,v1={mac}")


def test_jambonz_signs_time_and_body() -> None:
    request = by_jambonz(webhook("jambonz", told=ASKED))
    check(request, JAMBONZ)
    with pytest.raises(WebhookRefusedError, match="is webhook_secret right"):
        check(attrs.evolve(request, body=b"{}"), JAMBONZ)
    with pytest.raises(WebhookRefusedError, match="from now"):
        check(by_jambonz(request, NOW - 400), JAMBONZ)
    for header in ("", "t=1", "v1=\xe4", "t=,v1="):
        with pytest.raises(WebhookRefusedError):
            check(with_headers(request, Jambonz_Signature=header), JAMBONZ)


# --- What is told -------------------------------------------------------------------------

EXOTEL = "CallSid=c-1&CallFrom=1&CallTo=2&Direction=incoming"
TELECMI = {"action": "inbound", "from": "1", "to": "2", "time": 1, "cmiuuid": "c-1"}
TELER = {"call_id": "c-1", "account_id": "a", "from_number": "1", "to_number": "2"}


@pytest.mark.parametrize(
    ("request_", "stage"),
    [
        (webhook("jambonz", told=ASKED), CallStage.ASKS),
        (webhook("jambonz", told={**ASKED, "call_status": "in-progress"}), CallStage.GOES_ON),
        (webhook("jambonz", told={**ASKED, "call_status": "completed"}), CallStage.OVER),
        (webhook("exotel", query=EXOTEL), CallStage.ASKS),
        (webhook("exotel", {"CallSid": "c-1", "From": "1", "To": "2"}), CallStage.GOES_ON),
        (
            webhook("exotel", told={"CallSid": "c-1", "From": "1", "To": "2", "Status": "Failed"}),
            CallStage.OVER,
        ),
        (webhook("telecmi", told=TELECMI), CallStage.ASKS),
        (webhook("telecmi", told={**TELECMI, "status": "in_answered"}), CallStage.GOES_ON),
        (webhook("telecmi", told={**TELECMI, "status": "in_hangup"}), CallStage.OVER),
        (webhook("teler", told=TELER), CallStage.ASKS),
        (webhook("teler", told={**TELER, "event": "call.initiated"}), CallStage.GOES_ON),
        (webhook("teler", told={**TELER, "event": "call.no_answer"}), CallStage.OVER),
    ],
)
def test_what_is_told(request_: WebhookRequest, stage: CallStage) -> None:
    call = read(request_)
    assert (call.call_id, call.stage) == ("c-1", stage)
    assert (call.caller, call.called, call.inbound) == ("1", "2", True)


@pytest.mark.parametrize(
    "request_",
    [
        webhook("jambonz", told={**ASKED, "direction": "outbound"}),
        webhook("exotel", query=EXOTEL.replace("incoming", "outbound-dial")),
        webhook("teler", told={**TELER, "direction": "outbound"}),
        webhook("telecmi", told={"cmiuuid": "c-1", "direction": "outbound"}),
    ],
)
def test_a_call_of_ours(request_: WebhookRequest) -> None:
    assert not read(request_).inbound
