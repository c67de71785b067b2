from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.encoding import Encoding
from trioaudio.core.wire_json import JsonObject
from trioaudio.simulators.dialects._strict_reading import (
    DeviationError,
    demand_audio,
    demand_members,
    demand_name,
    demand_object,
    demand_text,
    demand_value,
    demand_whole_number,
    excerpt,
    parse_json,
    parse_object,
    problems_of_members,
    read_base64,
)


@pytest.mark.parametrize("text", ['{"a":1}', ' {\n"a" : 1 } ', '{"a":{"a":2}}'])
def test_an_object_is_read(text: str) -> None:
    assert list(parse_object(text, "Acme")) == ["a"]


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"{}", "binary message of 2 bytes; Acme takes text only"),
        ("", "text that is no JSON: Expecting value"),
        ("{} {}", "text that is no JSON: Extra data"),
        ("{'a':1}", "text that is no JSON: Expecting property name"),
        ('{"a":NaN}', "text that is no JSON: NaN is no JSON"),
        ('{"a":Infinity}', "text that is no JSON: Infinity is no JSON"),
        ('{"a":-Infinity}', "text that is no JSON: -Infinity is no JSON"),
        ('{"a":1,"a":1}', "text that is no JSON: a member is twice in the object with 'a'"),
        ('{"b":{"a":1,"a":1}}', "text that is no JSON: a member is twice"),
        ("[" * 100_000, "text that is no JSON: nested too deeply"),
        ("9" * 5000, "text that is no JSON"),
        ("null", "JSON that is no object: null"),
        ('"a"', 'JSON that is no object: "a"'),
    ],
)
def test_anything_else_is_named(message: str | bytes, problem: str) -> None:
    with pytest.raises(DeviationError) as refused:
        parse_object(message, "Acme")
    assert str(refused.value).startswith(problem)


def test_any_json_can_be_read() -> None:
    assert parse_json("[1, null]") == [1, None]


@pytest.mark.parametrize(
    "text", ["A", "AA", "AAA", "AA=", "AAAA=", "AA==AA==", "A-_A", " AAAA", "AAAA\n", "AAB=", "é"]
)
def test_base64_is_strict(text: str) -> None:
    with pytest.raises(DeviationError, match="no strict base64"):
        read_base64(text)


@given(st.binary(min_size=1))
def test_base64_is_read(data: bytes) -> None:
    assert read_base64(base64.b64encode(data).decode()) == data


def test_nothing_is_no_base64() -> None:
    with pytest.raises(DeviationError, match=r"^empty$"):
        read_base64("")


VALUE: JsonObject = {"text": 1, "object": [], "any": None, "more": 2, "flag": True}


def test_members_must_be_what_they_should() -> None:
    wanted = {"text": str, "object": dict, "missing": str, "too": str}
    assert problems_of_members(VALUE, "mark", wanted, {"any": object, "other": str}) == [
        "mark without missing, too",
        "mark: text is 1, must be a text",
        "mark: object is [], must be an object",
        "mark with 'more', which is not documented",
        "mark with 'flag', which is not documented",
    ]


def test_nothing_wrong_is_nothing_said() -> None:
    assert problems_of_members({"a": "x", "b": {}}, "message", {"a": str}, {"b": dict}) == []
    demand_members({"a": "x", "b": {}}, "message", ("a",), optional=("b", "c"))


def test_the_first_wrong_member_is_not_the_only_one_told() -> None:
    with pytest.raises(DeviationError) as refused:
        demand_members({"b": 1, "c": 2}, "message", ("a", "d"), optional=("c",))
    assert str(refused.value) == "message without a, d; message with 'b', which is not documented"


def test_a_message_says_what_it_is() -> None:
    assert demand_name({"event": "media"}, "event") == "media"
    with pytest.raises(DeviationError, match="JSON without event"):
        demand_name({}, "event")
    with pytest.raises(DeviationError, match="message: event is 7, must be a text"):
        demand_name({"event": 7}, "event")


def test_members_of_the_right_type_are_returned() -> None:
    value: JsonObject = {"text": "a", "number": 5, "object": {"b": 1}}
    assert demand_text(value, "mark", "text") == "a"
    assert demand_whole_number(value, "mark", "number") == 5
    assert demand_object(value, "mark", "object") == {"b": 1}
    demand_value(value, "mark", "text", "a")
    demand_value(value, "mark", "number", 5)


@pytest.mark.parametrize("found", [None, "", 5, True, [], {}])
def test_a_text_is_one_and_not_empty(found: None) -> None:
    with pytest.raises(DeviationError, match=r"mark: name is .+, must be a text"):
        demand_text({"name": found}, "mark", "name")


@pytest.mark.parametrize("found", [None, "5", 5.0, True, []])
def test_a_whole_number_is_one(found: None) -> None:
    with pytest.raises(DeviationError, match=r"mark: id is .+, must be a whole number"):
        demand_whole_number({"id": found}, "mark", "id")


@pytest.mark.parametrize("found", [None, "x", 5, []])
def test_an_object_is_one(found: None) -> None:
    with pytest.raises(DeviationError, match=r"mark: data is .+, must be an object"):
        demand_object({"data": found}, "mark", "data")


@pytest.mark.parametrize(
    ("found", "wanted"), [("8000", 8000), (True, 1), ("b", "a"), (8000.0, 8000)]
)
def test_a_value_is_exactly_that(found: str, wanted: str | int) -> None:
    with pytest.raises(DeviationError) as refused:
        demand_value({"rate": found}, "media", "rate", wanted)
    assert str(refused.value) == (
        f"media: rate is {json.dumps(found)}, must be {json.dumps(wanted)}"
    )


def test_audio_is_whole_samples() -> None:
    def read(payload: str) -> bytes:
        return demand_audio({"payload": payload}, "media", "payload", Encoding.PCM16)

    assert read("AAE=") == b"\0\1"
    with pytest.raises(DeviationError, match="3 bytes of audio are no whole pcm16 samples"):
        read("AAAA")
    with pytest.raises(DeviationError, match="media: payload is no strict base64: "):
        read("AAAAAAA=A")


def test_long_values_are_cut() -> None:
    assert excerpt("x" * 100) == '"' + "x" * 39 + "…"
    assert excerpt("x") == '"x"'
    assert excerpt({"a": [None, True]}) == '{"a": [null, true]}'
