"""What holds for every carrier's call control."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from call_control.placings import URL, placing, reply
from trioaudio.call_control import call_control_names, find_call_control, load_call_control
from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.call_control import CallControl, CallControlError, Placing
from trioaudio.core.carrier import CarrierSettings, Transfer
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret

every_control = pytest.mark.parametrize("name", call_control_names())
placers = [name for name in call_control_names() if load_call_control(name).place]
every_placer = pytest.mark.parametrize("name", placers)
JUNK = (
    *("", "{}", "[]", "null", "<html><title>Bad gateway</title></html>", '{"errors":[]}'),
    *('{"sid":[],"uuid":[],"data":7,"Call":[]}', "\0\x1b[31m", "9" * 10_000, "[" * 100_000),
)


def usual_settings(name: str) -> CarrierSettings:
    """The carrier's settings with something in every credential."""
    settings = load_carrier(name).settings
    given: dict[str, Any] = {}
    for field in attrs.fields(type(settings)):
        value = getattr(settings, field.name)
        if isinstance(value, Secret):
            given[field.name] = Secret(f"the-{field.name}")
        elif value == "" and "url" in field.name:
            given[field.name] = "https://elsewhere.example"
        elif value == "":
            given[field.name] = "1000001"
        elif value is None and field.name == "private_key_file":
            given[field.name] = __file__
    return attrs.evolve(settings, **given)


def usual_placing(name: str, **more: object) -> Placing:
    media = load_carrier(name).media_format(load_carrier(name).settings, 8000)
    return placing(media, answer_url="https://voice.example.com/answer", **more)


def test_they_are_found_by_name() -> None:
    assert set(call_control_names()) <= set(carrier_names())
    assert {"telecmi", "twilio", "plivo", "exotel", "telnyx", "vonage"} <= set(placers)
    assert find_call_control("raw") is None
    assert find_call_control("_replies") is None
    with pytest.raises(ConfigError, match=r"carrier=raw: .* telecmi"):
        load_call_control("raw")


@every_control
def test_the_name_is_the_files_and_credentials_are_settings(name: str) -> None:
    control = load_call_control(name)
    assert control.name == name
    assert control.documentation.startswith("https://")
    fields = {each.name for each in attrs.fields(type(load_carrier(name).settings))}
    assert set(control.credentials) <= fields
    assert control.missing(load_carrier(name).settings) or not control.credentials
    assert control.missing(usual_settings(name)) == []


@every_control
def test_there_is_an_answer_document_with_the_url(name: str) -> None:
    control = load_call_control(name)
    assert control.answer_document is not None
    document = control.answer_document(usual_settings(name), usual_placing(name))
    assert URL.partition("//")[2] in document.body
    assert document.content_type in ("application/json", "application/xml")


@every_placer
def test_a_call_is_placed_once_and_tells_no_secret(name: str) -> None:
    control, settings = load_call_control(name), usual_settings(name)
    assert control.place is not None
    request = control.place(settings, usual_placing(name))
    assert not request.safe_to_repeat
    assert request.method == "POST"
    assert request.url.startswith("https://")
    assert "the-" not in repr(request)
    assert "the-" not in request.url


@every_placer
@pytest.mark.parametrize(
    "number", ["", "919", "abc", "+0123456789", "+91 980", "+9" * 10, "１２３４５６７８９"]
)
def test_what_is_no_number_is_refused(name: str, number: str) -> None:
    control, settings = load_call_control(name), usual_settings(name)
    assert control.place is not None
    with pytest.raises(ConfigError, match=r"^to=") as refused:
        control.place(settings, usual_placing(name, to=number))
    assert "\n" not in str(refused.value)
    with pytest.raises(ConfigError, match=r"^caller_id="):
        control.place(settings, usual_placing(name, caller_id="none"))


@every_control
@pytest.mark.parametrize(
    "url",
    [
        *("", "http://voice.example.com/", "wss://", "wss:///path", "voice.example.com"),
        *("wss://voice.example.com/a b", "wss://voice.example.com/\n", "wss://[::1/x"),
        *("wss://user:pass@voice.example.com/", "wss://voice.example.com:0/", "wss://h/#f"),
        *("wss://voice.example.com:port/", "wss://voice.example.com/ü", "wss://h/" + "x" * 5000),
    ],
)
def test_what_is_no_media_url_is_refused(name: str, url: str) -> None:
    control, settings = load_call_control(name), usual_settings(name)
    assert control.answer_document is not None
    with pytest.raises(ConfigError, match=r"^media_url: "):
        control.answer_document(settings, usual_placing(name, media_url=url))


@every_control
def test_another_carriers_settings_are_a_bug(name: str) -> None:
    control = load_call_control(name)
    if control.place is not None:
        with pytest.raises(TypeError):
            control.place(CarrierSettings(), usual_placing(name))


@every_placer
def test_steering_names_the_call_and_a_hang_up_may_be_repeated(name: str) -> None:
    control, settings = load_call_control(name), usual_settings(name)
    if control.hang_up is not None:
        request = control.hang_up(settings, "call-id-1")
        assert request.safe_to_repeat
        assert "call-id-1" in request.url or (request.json or {})["cmiuuid"] == "call-id-1"
    if control.transfer is not None:
        request = control.transfer(settings, "call-id-1", Transfer(("+919811111111",)))
        assert not request.safe_to_repeat
        assert "call-id-1" in request.url


def steered(control: CallControl, settings: CarrierSettings, call_id: str) -> str:
    assert control.hang_up is not None
    return control.hang_up(settings, call_id).url


@every_placer
def test_a_call_id_cannot_lead_elsewhere(name: str) -> None:
    control, settings = load_call_control(name), usual_settings(name)
    if control.hang_up is None or name == "telecmi":  # which has it in the body
        return
    url = steered(control, settings, "../../x?y=z#")
    assert "/../" not in url
    assert "?" not in url
    assert "#" not in url
    for wrong in ("", "..", ".", "x" * 1000):
        with pytest.raises(ConfigError, match=r"^call_id"):
            steered(control, settings, wrong)


@every_placer
@pytest.mark.parametrize("status", [200, 201, 204, 302, 400, 401, 429, 500])
@pytest.mark.parametrize("body", JUNK)
def test_junk_is_an_error_in_one_line(name: str, status: int, body: str) -> None:
    control = load_call_control(name)
    assert control.read_placed is not None
    assert control.check_reply is not None
    with pytest.raises(CallControlError) as refused:
        control.read_placed(reply(status, body))
    said = str(refused.value)
    assert said.isprintable()
    assert len(said) < 600
    assert name in said
    # Of a success that cannot be read, nobody knows.
    assert refused.value.maybe_done is (status < 300 or status >= 500)
    if status >= 300:
        with pytest.raises(CallControlError):
            control.check_reply(reply(status, body))


@every_placer
@pytest.mark.parametrize("status", [401, 403])
def test_who_is_unknown_is_told_which_settings_to_check(name: str, status: int) -> None:
    control = load_call_control(name)
    assert control.check_reply is not None
    with pytest.raises(CallControlError) as refused:
        control.check_reply(reply(status, {"message": "go away"}))
    for each in control.credentials:
        assert f"TRIOAUDIO_{name}_{each}".upper() in str(refused.value)
    assert not refused.value.maybe_done


@every_placer
def test_a_failing_server_may_have_done_it(name: str) -> None:
    control = load_call_control(name)
    assert control.read_placed is not None
    with pytest.raises(CallControlError) as refused:
        control.read_placed(reply(503, "<html><title>Service\nunavailable</title>"))
    assert refused.value.maybe_done
    assert "Service unavailable" in str(refused.value)
