"""https://doc.telecmi.com/piopiy/docs/outbound-call, and the vendor's own client for Python."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from call_control.placings import PCM, URL, WIDE, placing, reply
from trioaudio.call_control.telecmi import CALL_CONTROL
from trioaudio.carriers.telecmi import ListenMode, Region, TelecmiSettings
from trioaudio.core.call_control import CallControlError, PlacedCall, Placing, RestRequest, revealed
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret

PIOPIY: Any = importlib.import_module("piopiy")  # it has no types
SETTINGS = TelecmiSettings(app_id="2222226", secret=Secret("the-secret"))


def place(settings: TelecmiSettings = SETTINGS, wanted: Placing | None = None) -> RestRequest:
    assert CALL_CONTROL.place is not None
    return CALL_CONTROL.place(settings, wanted or placing(PCM))


def read_placed(body: Mapping[str, object] | str, status: int = 200) -> PlacedCall:
    assert CALL_CONTROL.read_placed is not None
    text = body if isinstance(body, str) else json.dumps(body)
    return CALL_CONTROL.read_placed(reply(status, text))


@attrs.define(eq=False)
class Intercepted:
    """What the vendor's client would have sent."""

    url: str = ""
    body: object = None

    def post(self, url: str, data: str, headers: object) -> Intercepted:
        self.url, self.body = url, json.loads(data)
        return self

    def json(self) -> object:
        return {}

    @property
    def text(self) -> str:
        return ""


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Intercepted:
    intercepted = Intercepted()
    monkeypatch.setattr("requests.post", intercepted.post)
    return intercepted


@pytest.mark.parametrize(
    ("media", "mode"), [(PCM, ListenMode.CALLER), (WIDE, ListenMode.BOTH)], ids=["8k", "16k"]
)
def test_the_request_is_what_the_vendors_client_sends(
    vendor: Intercepted, media: object, mode: ListenMode
) -> None:
    rate = "8000" if media is PCM else "16000"
    action = PIOPIY.Action()
    action.stream(URL, {"listen_mode": mode.value, "voice_quality": rate, "stream_on_answer": True})
    client = PIOPIY.RestClient(2222226, "the-secret")
    client.voice.call(14155550100, 919876543210, action.PCMO(), {"duration": 5400})
    settings = attrs.evolve(SETTINGS, listen_mode=mode, region=Region.INDIA)
    wanted = placing(PCM if media is PCM else WIDE, to="14155550100", caller_id="919876543210")
    request = place(settings, wanted)
    assert revealed(request.json) == vendor.body
    assert request.url == vendor.url


def test_the_hang_up_is_what_the_vendors_client_sends(vendor: Intercepted) -> None:
    PIOPIY.RestClient(2222226, "the-secret").hangup("some-cmiuuid")
    assert CALL_CONTROL.hang_up is not None
    request = CALL_CONTROL.hang_up(SETTINGS, "some-cmiuuid")
    assert revealed(request.json) == vendor.body
    assert request.url == vendor.url


def test_a_stand_in_takes_the_hang_up_too() -> None:
    assert CALL_CONTROL.hang_up is not None
    elsewhere = attrs.evolve(SETTINGS, rest_url="http://127.0.0.1:8080/v2/")
    url = CALL_CONTROL.hang_up(elsewhere, "some-cmiuuid").url
    assert url == "http://127.0.0.1:8080/v2/call/action"


def test_numbers_are_json_numbers_and_the_secret_stays_one() -> None:
    request = place()
    assert request.json is not None
    assert (request.json["to"], request.json["from"]) == (919800000000, 918040000000)
    assert request.json["appid"] == 2222226
    assert request.json["secret"] == Secret("the-secret")
    assert request.basic is None
    assert request.bearer is None


@pytest.mark.parametrize(
    ("region", "to", "path"),
    [
        (Region.AUTO, "+919800000000", "ind_pcmo_make_call"),
        (Region.AUTO, "14155550100", "global_pcmo_make_call"),
        (Region.INDIA, "14155550100", "ind_pcmo_make_call"),
        (Region.GLOBAL, "919800000000", "global_pcmo_make_call"),
    ],
)
def test_the_region_chooses_the_address(region: Region, to: str, path: str) -> None:
    request = place(attrs.evolve(SETTINGS, region=region), placing(PCM, to=to))
    assert request.url == f"https://rest.telecmi.com/v2/{path}"


@pytest.mark.parametrize("app_id", ["", "abc", "２２", "12.5"])
def test_an_app_id_is_a_number(app_id: str) -> None:
    with pytest.raises(ConfigError, match=r"^app_id="):
        place(attrs.evolve(SETTINGS, app_id=app_id))


def test_a_documented_success_has_no_call_id_yet() -> None:
    documented = {
        "data": {"status": "progress", "request_id": "r-1"},
        "status": "progress",
        "request_id": "r-1",
        "code": 200,
    }
    assert read_placed(documented) == PlacedCall(None, "progress")
    assert read_placed({**documented, "cmiuuid": "c-1"}).call_id == "c-1"
    assert read_placed({"code": 200, "data": {"cmiuuid": "c-2"}}).call_id == "c-2"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (420, "the app id or the secret is wrong; check TRIOAUDIO_TELECMI_APP_ID"),
        (422, "a property is missing"),
        (501, "not of the right kind"),
        (502, "not valid"),
    ],
)
@pytest.mark.parametrize("name", ["code", "cmi_code"])
def test_a_200_may_be_a_failure(code: int, words: str, name: str) -> None:
    with pytest.raises(CallControlError, match=words) as refused:
        read_placed({name: code})
    assert (refused.value.status, refused.value.code) == (200, str(code))


def test_its_own_words_come_first() -> None:
    with pytest.raises(CallControlError, match=r"code 422\): from is not yours"):
        read_placed({"code": 422, "msg": "from is not yours"})


def test_the_answer_document_is_an_array_of_one_action() -> None:
    assert CALL_CONTROL.answer_document is not None
    document = CALL_CONTROL.answer_document(SETTINGS, placing(WIDE))
    assert document.content_type == "application/json"
    assert json.loads(document.body) == [
        {
            "action": "stream",
            "ws_url": URL,
            "listen_mode": "caller",
            "voice_quality": "16000",
            "stream_on_answer": True,
        }
    ]
