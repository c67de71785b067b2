from __future__ import annotations

import base64
import json

import pytest

from trioaudio.simulators.dialects._malformed import malformed_messages

AUDIO = b"\xff" * 160
MESSAGES = malformed_messages(
    sequence="sequenceNumber",
    stream="streamSid",
    stream_id="MZ1",
    start={"start": {"callSid": "CA1"}},
    audio=AUDIO,
)


def objects() -> list[dict[str, object]]:
    found = []
    for message in MESSAGES:
        try:
            value = json.loads(message)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def payload_of(value: dict[str, object]) -> object:
    media = value.get("media")
    return media.get("payload") if isinstance(media, dict) else None


def is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("a start again", any(each.get("event") == "start" for each in objects())),
        ("no event", {} in objects()),
        ("an unknown event", any(each.get("event") == "transfer" for each in objects())),
        ("an event that is no text", any(each.get("event") == 5 for each in objects())),
        (
            "another stream",
            any(each.get("streamSid") not in ("MZ1", None, 17) for each in objects()),
        ),
        ("an empty payload", any(payload_of(each) == "" for each in objects())),
        ("a payload that is a number", any(payload_of(each) == 17 for each in objects())),
        (
            "broken base64",
            any(
                isinstance(text, str) and not is_base64(text) for text in map(payload_of, objects())
            ),
        ),
        ("a huge number", any(each.get("sequenceNumber") == 10**30 for each in objects())),
        ("a number as text, huge", any("0" * 30 in str(each) for each in objects())),
        ("not a number", any(isinstance(each, str) and "NaN" in each for each in MESSAGES)),
        ("an array", "[]" in MESSAGES),
        ("no JSON", "hello" in MESSAGES),
        ("nothing", "" in MESSAGES),
        ("binary", AUDIO in MESSAGES),
    ],
)
def test_there_is(what: str, found: bool) -> None:
    assert found, what


def test_nothing_among_it_ends_the_stream() -> None:
    assert not any(each.get("event") in ("stop", "closed", "disconnect") for each in objects())
