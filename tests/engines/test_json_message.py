"""Messages of services that are not what they should be."""

from __future__ import annotations

import pytest

from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.engines._json_message import complaint, inner_object, read_audio, read_object


@pytest.mark.parametrize("message", ["{", "[]", "3", "", '{"a": NaN', "[" * 100_000, b"\x00\x01"])
def test_what_is_no_object_is_the_services_fault(message: str | bytes) -> None:
    error = read_object("acme", message)
    assert isinstance(error, EngineError)
    assert error.kind is EngineFault.PROTOCOL
    assert len(str(error)) < 300


def test_an_object_is_read() -> None:
    assert read_object("acme", '{"type": "x"}') == {"type": "x"}
    assert inner_object({"data": {"a": 1}}, "data") == {"a": 1}
    assert inner_object({"data": [1]}, "data") == {}
    assert inner_object({}, "data") == {}


@pytest.mark.parametrize("value", [None, 3, "no base64!", "abc", "ü"])
def test_audio_that_is_no_base64_is_the_services_fault(value: object) -> None:
    error = read_audio("acme", value)
    assert isinstance(error, EngineError)
    assert error.kind is EngineFault.PROTOCOL


def test_audio_is_read() -> None:
    assert read_audio("acme", "AAEC") == b"\x00\x01\x02"
    assert read_audio("acme", "") == b""


@pytest.mark.parametrize(
    ("fields", "code", "kind", "retryable"),
    [
        ({"message": "no such voice", "code": 422}, 422, EngineFault.BAD_REQUEST, False),
        ({"message": "400: text is too long"}, None, EngineFault.BAD_REQUEST, False),
        ({"message": "429 slow down"}, None, EngineFault.RATE, True),
        ({"error": {"message": "bad key"}}, 403, EngineFault.AUTH, False),
        ({"message": "something"}, "E17", EngineFault.UNAVAILABLE, True),
        ({"message": "4000 things are wrong"}, 7, EngineFault.UNAVAILABLE, True),
        ({}, None, EngineFault.UNAVAILABLE, True),
    ],
)
def test_a_complaint_is_judged_by_its_status(
    fields: dict[str, object], code: object, kind: EngineFault, retryable: bool
) -> None:
    error = complaint("acme", fields, code)
    assert (error.kind, error.retryable) == (kind, retryable)
    assert str(error).startswith("acme ")


def test_a_complaint_quotes_the_service_on_one_line() -> None:
    error = complaint("acme", {"message": "very\nlong " * 100})
    assert "very long" in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 300
