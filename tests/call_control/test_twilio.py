"""https://www.twilio.com/docs/voice/api/call-resource and .../docs/voice/twiml/stream."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import attrs
import pytest

from call_control.placings import URL, form_of, placing, reply
from trioaudio.call_control.twilio import CALL_CONTROL
from trioaudio.carriers.twilio import TwilioSettings
from trioaudio.core.call_control import CallControlError, PlacedCall, RestValue
from trioaudio.core.carrier import Transfer
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret

SETTINGS = TwilioSettings(account_sid="AC0123", auth_token=Secret("the-token"))
CALLS = "https://api.twilio.com/2010-04-01/Accounts/AC0123/Calls"


def test_a_call_is_placed_with_its_twiml() -> None:
    assert CALL_CONTROL.place is not None
    request = CALL_CONTROL.place(SETTINGS, placing())
    assert request.url == f"{CALLS}.json"
    assert request.basic == ("AC0123", Secret("the-token"))
    form = form_of(request)
    twiml = form.pop("Twiml")
    assert form == {
        "To": "+919800000000",
        "From": "+918040000000",
        "Timeout": "40",
        "TimeLimit": "5400",
    }
    assert twiml.endswith(f'<Response><Connect><Stream url="{URL}" /></Connect></Response>')


def test_an_answer_url_takes_the_documents_place() -> None:
    assert CALL_CONTROL.place is not None
    form = form_of(CALL_CONTROL.place(SETTINGS, placing(answer_url="https://h/answer?a=b")))
    assert form["Url"] == "https://h/answer?a=b"
    assert "Twiml" not in form


def test_nothing_can_be_injected() -> None:
    assert CALL_CONTROL.answer_document is not None
    url = 'wss://h/a"/><Play>&amp;<'
    document = CALL_CONTROL.answer_document(SETTINGS, placing(media_url=url))
    stream = ET.fromstring(document.body)[0][0]  # noqa: S314  our own
    assert (stream.tag, stream.attrib) == ("Stream", {"url": url})


@pytest.mark.parametrize(
    ("url", "words"),
    [("ws://voice.example.com/m", "dials wss:// only"), (f"{URL}?a=b", "takes no query")],
)
def test_what_twilio_does_not_dial_is_refused(url: str, words: str) -> None:
    assert CALL_CONTROL.place is not None
    with pytest.raises(ConfigError, match=words):
        CALL_CONTROL.place(SETTINGS, placing(media_url=url))


def test_a_simulated_twilio_dials_ws_on_this_machine() -> None:
    assert CALL_CONTROL.place is not None
    request = CALL_CONTROL.place(SETTINGS, placing(media_url="ws://127.0.0.1:8080/m"))
    assert "ws://127.0.0.1:8080/m" in form_of(request)["Twiml"]


def test_a_hang_up_completes_the_call() -> None:
    assert CALL_CONTROL.hang_up is not None
    request = CALL_CONTROL.hang_up(SETTINGS, "CA42")
    assert (request.method, request.url) == ("POST", f"{CALLS}/CA42.json")
    assert form_of(request) == {"Status": "completed"}


def test_a_transfer_dials_all_numbers() -> None:
    assert CALL_CONTROL.transfer is not None
    wanted = Transfer(("919811111111", "+919822222222"), caller_id="918040000000", timeout_s=20)
    form = form_of(CALL_CONTROL.transfer(SETTINGS, "CA42", wanted))
    dial = ET.fromstring(form["Twiml"])[0]  # noqa: S314  our own
    assert dial.attrib == {"timeout": "20", "timeLimit": "5400", "callerId": "+918040000000"}
    assert [each.text for each in dial] == ["+919811111111", "+919822222222"]
    bare = CALL_CONTROL.transfer(SETTINGS, "CA42", Transfer(("911234567",)))
    assert "callerId" not in form_of(bare)["Twiml"]


def test_the_reply_to_a_placement() -> None:
    assert CALL_CONTROL.read_placed is not None
    body = {"sid": "CA42", "status": "queued", "to": "+919800000000"}
    assert CALL_CONTROL.read_placed(reply(201, body)) == PlacedCall("CA42", "queued")


def test_a_refusal_has_twilios_code_and_words() -> None:
    assert CALL_CONTROL.check_reply is not None
    body: RestValue = {"code": 21211, "message": "The 'To' number is not valid.", "status": 400}
    with pytest.raises(CallControlError) as refused:
        CALL_CONTROL.check_reply(reply(400, body))
    assert str(refused.value) == (
        "twilio refuses (HTTP 400, code 21211): The 'To' number is not valid."
    )
    assert (refused.value.code, refused.value.maybe_done) == ("21211", False)


def test_a_rest_url_of_ones_own() -> None:
    assert CALL_CONTROL.hang_up is not None
    own = attrs.evolve(SETTINGS, rest_url="http://127.0.0.1:8080/")
    assert CALL_CONTROL.hang_up(own, "CA42").url.startswith("http://127.0.0.1:8080/2010-04-01/")
    for wrong in ("", "ftp://h", "https://", "https://user:pw@h", "https://h:0", "https://[::1"):
        with pytest.raises(ConfigError, match=r"^rest_url: "):
            CALL_CONTROL.hang_up(attrs.evolve(SETTINGS, rest_url=wrong), "CA42")
