"""https://docs.plivo.com/docs/voice/api/calls and .../docs/voice/xml/audiostream."""

from __future__ import annotations

import attrs
import pytest

from call_control.placings import MULAW, PCM, URL, WIDE, placing, reply
from trioaudio.call_control import plivo, vobiz
from trioaudio.carriers.plivo import PlivoSettings
from trioaudio.carriers.vobiz import VobizSettings
from trioaudio.core.call_control import CallControlError, PlacedCall
from trioaudio.core.carrier import Transfer
from trioaudio.core.encoding import MediaFormat
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret

CALL_CONTROL = plivo.CALL_CONTROL
SETTINGS = PlivoSettings(auth_id="MA01", auth_token=Secret("the-token"))
CALLS = "https://api.plivo.com/v1/Account/MA01/Call/"


def test_a_call_is_placed_with_an_answer_url() -> None:
    assert CALL_CONTROL.place is not None
    assert CALL_CONTROL.wants_answer_url
    request = CALL_CONTROL.place(SETTINGS, placing(answer_url="https://h/answer"))
    assert request.url == CALLS
    assert request.basic == ("MA01", Secret("the-token"))
    assert request.json == {
        "from": "918040000000",
        "to": "919800000000",
        "answer_url": "https://h/answer",
        "answer_method": "GET",
        "ring_timeout": 40,
        "time_limit": 5400,
    }


def test_without_one_it_says_what_to_serve() -> None:
    assert CALL_CONTROL.place is not None
    with pytest.raises(ConfigError, match=r"^answer_url: .*answer-document --carrier plivo"):
        CALL_CONTROL.place(SETTINGS, placing())


def test_a_hang_up_deletes_the_call() -> None:
    assert CALL_CONTROL.hang_up is not None
    request = CALL_CONTROL.hang_up(SETTINGS, "uuid-1")
    assert (request.method, request.url) == ("DELETE", f"{CALLS}uuid-1/")
    assert request.json is None
    assert CALL_CONTROL.check_reply is not None
    CALL_CONTROL.check_reply(reply(204))


@pytest.mark.parametrize(
    ("transfer_url", "before"),
    [("https://h/t", "https://h/t?"), ("https://h/t?a=b", "https://h/t?a=b&")],
)
def test_a_transfer_has_the_document_dial(transfer_url: str, before: str) -> None:
    assert CALL_CONTROL.transfer is not None
    own = attrs.evolve(SETTINGS, transfer_url=transfer_url)
    request = CALL_CONTROL.transfer(own, "uuid-1", Transfer(("+919811111111",), "+918040000000"))
    assert request.url == f"{CALLS}uuid-1/"
    assert request.json == {
        "legs": "aleg",
        "aleg_url": f"{before}to=919811111111&caller_id=918040000000",
        "aleg_method": "GET",
    }


def test_without_a_transfer_url_it_says_so() -> None:
    assert CALL_CONTROL.transfer is not None
    with pytest.raises(ConfigError, match="TRIOAUDIO_PLIVO_TRANSFER_URL"):
        CALL_CONTROL.transfer(SETTINGS, "uuid-1", Transfer(("919811111111",)))


def test_the_reply_to_a_placement() -> None:
    assert CALL_CONTROL.read_placed is not None
    documented = {"message": "call fired", "request_uuid": "9834029e", "api_id": "97ceeb52"}
    assert CALL_CONTROL.read_placed(reply(201, documented)) == PlacedCall("9834029e", "call fired")


def test_a_refusal_has_plivos_words() -> None:
    assert CALL_CONTROL.check_reply is not None
    with pytest.raises(CallControlError, match=r"plivo refuses \(HTTP 400\): to is a mandatory"):
        CALL_CONTROL.check_reply(reply(400, {"api_id": "1", "error": "to is a mandatory field"}))
    with pytest.raises(CallControlError, match=r"Could not verify .*PLIVO_AUTH_TOKEN"):
        CALL_CONTROL.check_reply(reply(401, "Could not verify your access level\r\nfor that URL"))


@pytest.mark.parametrize(
    ("media", "content_type"),
    [
        (PCM, "audio/x-l16;rate=8000"),
        (WIDE, "audio/x-l16;rate=16000"),
        (MULAW, "audio/x-mulaw;rate=8000"),
    ],
)
def test_the_document_always_says_the_content_type(media: MediaFormat, content_type: str) -> None:
    assert CALL_CONTROL.answer_document is not None
    document = CALL_CONTROL.answer_document(SETTINGS, placing(media))
    assert document.content_type == "application/xml"
    assert document.body.endswith(
        '<Response><Stream bidirectional="true" keepCallAlive="true"'
        f' contentType="{content_type}">{URL}</Stream></Response>'
    )


def test_vobiz_is_alike_below_another_root_with_headers_of_its_own() -> None:
    control = vobiz.CALL_CONTROL
    own = VobizSettings(auth_id="MA01", auth_token=Secret("t"))
    assert control.missing(VobizSettings()) == ["auth_id", "auth_token"]
    assert control.hang_up is not None
    request = control.hang_up(own, "u-1")
    assert request.url == "https://api.vobiz.ai/api/v1/Account/MA01/Call/u-1/"
    assert request.headers == (("X-Auth-ID", "MA01"), ("X-Auth-Token", Secret("t")))
    assert request.basic is None


def test_a_call_that_is_not_up_yet_is_taken_back_by_its_request() -> None:
    assert CALL_CONTROL.cancel is not None
    request = CALL_CONTROL.cancel(SETTINGS, "u-1")
    assert (request.method, request.url.rpartition("/Account/")[2]) == (
        "DELETE",
        f"{SETTINGS.auth_id}/Request/u-1/",
    )
    assert request.safe_to_repeat


def test_credentials_go_nowhere_unencrypted() -> None:
    assert CALL_CONTROL.hang_up is not None
    own = attrs.evolve(SETTINGS, rest_url="http://api.plivo.example")
    with pytest.raises(ConfigError, match="rest_url: credentials would go there unencrypted"):
        CALL_CONTROL.hang_up(own, "u-1")
    CALL_CONTROL.hang_up(attrs.evolve(SETTINGS, rest_url="http://127.0.0.1:9"), "u-1")
