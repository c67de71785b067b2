import json

import pytest

from trioaudio.core.wire_json import (
    JsonValue,
    base64_of,
    compact,
    first_member,
    member,
    number_of,
    object_of,
    read_json,
    read_object,
    text_of,
    whole_number_of,
)


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "[1]", '"text"', "null", "1", "[" * 100_000, '{"a":' * 100_000, "9" * 5000],
)
def test_what_is_no_object_is_none(text: str) -> None:
    assert read_object(text) is None


def test_an_object_is_read() -> None:
    assert read_object(' {"a": [1, null]} ') == {"a": [1, None]}


VALUE: JsonValue = {"start": {"mediaFormat": {"sampleRate": 8000}}, "list": [1]}


def test_members_are_found_by_their_path_or_not_at_all() -> None:
    assert member(VALUE, "start", "mediaFormat", "sampleRate") == 8000
    assert member(VALUE) == VALUE
    for path in (("stop",), ("start", "x", "y"), ("list", "0"), ("start", "mediaFormat", "a", "b")):
        assert member(VALUE, *path) is None


def test_the_first_of_two_spellings_counts() -> None:
    both: JsonValue = {"streamSid": None, "stream_sid": "S", "sid": "T"}
    assert first_member(both, "streamSid", "stream_sid", "sid") == "S"
    assert first_member(both, "x") is None
    assert first_member([1], "x") is None


def test_anything_but_an_object_is_an_empty_one() -> None:
    assert object_of({"a": 1}) == {"a": 1}
    assert object_of([1]) == object_of(None) == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), ("", None), (5, "5"), (1.5, "1.5"), (True, None), (None, None), ([], None)],
)
def test_texts(value: JsonValue, text: str | None) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "number", "whole"),
    [
        (8000, 8000, 8000),
        ("8000", 8000, 8000),
        ("8000.0", 8000, 8000),
        (0.5, 0.5, None),
        ("x", None, None),
        (True, None, None),
        (None, None, None),
        ([8000], None, None),
        ("nan", None, None),
        ("inf", None, None),
        ("-inf", None, None),
        (1e300, None, None),
        (10**400, None, None),
        (float("nan"), None, None),
    ],
)
def test_numbers(value: JsonValue, number: float | None, whole: int | None) -> None:
    assert number_of(value) == number
    assert whole_number_of(value) == whole


@pytest.mark.parametrize(
    ("value", "audio"),
    [
        ("AAA=", b"\0\0"),
        ("", b""),
        ("AAA", None),
        ("A A=", None),
        ("AAAA=", None),
        ("AAAA\n", None),
        ("AAB=", None),
        ("é", None),
        (5, None),
    ],
)
def test_base64_is_strict(value: JsonValue, audio: bytes | None) -> None:
    assert base64_of(value) == audio


def test_what_is_written_has_no_white_space() -> None:
    assert compact({"a": [1, "b c"]}) == '{"a":[1,"b c"]}'
    assert json.loads(compact([1])) == [1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'{"name": "Jo \ud83d"}', {"name": "Jo ?"}),
        (r'["\udc00", "\ud83d\ude00", "\u00fc"]', ["?", "\U0001f600", "ü"]),
        (rb'{"\ud800": 1}', {"?": 1}),
        ('{"plain": "ü"}', {"plain": "ü"}),
    ],
)
def test_half_a_surrogate_pair_is_no_text(text: str | bytes, value: object) -> None:
    assert read_json(text) == value
    json.dumps(read_json(text), ensure_ascii=False).encode()


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b"\xff"])
def test_what_is_no_json(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(text)
