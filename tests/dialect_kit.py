"""What the tests of simulated carriers' dialects share: a call's facts, and short ways to read."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from trioaudio.core.carrier import Message
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.simulators.dialect import Audio, CallFacts, Dialect, Malformed, Reading

STREAM = "20170ecc-3a3d-4d43-9d8f-5e1d5ca1c1a5"
CALL = "0b8f6d2e-6a2f-4f0e-8c55-3f6c2a9d7e11"
# Any two bytes of it are a sample other than -1.
TONE = bytes(range(1, 251)) * 40


def facts(
    sample_rate: int = 8000,
    encoding: Encoding = Encoding.PCM16,
    options: Mapping[str, str] | None = None,
) -> CallFacts:
    """Return the facts of one call."""
    return CallFacts(
        media=MediaFormat(encoding, sample_rate),
        stream_id=STREAM,
        call_id=CALL,
        caller="+15550100",
        called="+15550101",
        options=options or {},
    )


def b64(data: bytes) -> str:
    """Return base64 as text."""
    return base64.b64encode(data).decode()


def parsed(messages: Sequence[Message]) -> list[Any]:
    """Return what JSON messages say."""
    return [json.loads(message) for message in messages]


def said(*messages: Message) -> Any:
    """Return what the only message says."""
    [value] = parsed(messages)
    return value


def only(readings: Sequence[Reading]) -> Reading:
    """Return the only reading."""
    [reading] = readings
    return reading


def problem_of(dialect: Dialect, message: Message) -> str:
    """Return the problem of a message that means nothing."""
    reading = only(dialect.read(message))
    assert isinstance(reading, Malformed), reading
    return reading.problem


def blame_of(dialect: Dialect, message: Message) -> str:
    """Return the problem of audio that is played all the same."""
    reading = only(dialect.read(message))
    assert isinstance(reading, Audio), reading
    assert reading.problem is not None
    return reading.problem
