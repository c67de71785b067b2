"""Exotel's AgentStream with a Voicebot applet, as a carrier sees it: 16-bit linear, all as text.

Documented: https://developer.exotel.com/docs/agentstream/websocket-protocol for the messages,
100 ms in each, and for what comes back: multiples of 320 bytes, from 3200 (less makes gaps) to
100 000; the sample rate may be asked for by a query of the URL, and credentials in it become an
Authorization header. Exotel's samples spell members in camel case, its pages in snake case, so an
option says which; the samples number all audio, since streams without numbers have dropped early.
Inferred: a clear drops marks, since what they wait for is never played; an option returns them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from trioaudio.core.carrier import MarksAfterClear
from trioaudio.core.wire_json import JsonObject
from trioaudio.simulators.dialect import CallFacts, Credentials, Dialect, DialectKind, Handshake
from trioaudio.simulators.dialects._basic_proof import basic_header
from trioaudio.simulators.dialects._form import CAMEL, SNAKE, Form, Sizes, sid
from trioaudio.simulators.dialects._media_streams import MediaStream
from trioaudio.simulators.dialects._numbering import Counter
from trioaudio.simulators.dialects._options import choice, pairs
from trioaudio.simulators.dialects._twilio_like import (
    CLEARED_MARKS,
    START_PARAMETERS,
    marks_after_clear,
)

_ACCOUNT = "example1"
_CASING: Final = "casing"
_QUERY: Final = "sample-rate-query"


def _new(facts: CallFacts) -> Dialect:
    snake = choice(facts.options, _CASING, "snake", "camel") == "snake"
    spell: Callable[[str], str] = str if snake else _in_camel_case
    names = SNAKE if snake else CAMEL
    stream = sid("MZ", facts.stream_id)
    call: JsonObject = {
        spell("call_sid"): sid("CA", facts.call_id),
        spell("account_sid"): _ACCOUNT,
    }
    form = Form(
        names=names,
        stream_id=stream,
        connected={},
        start={
            "start": {
                names.stream: stream,
                **call,
                "from": facts.caller,
                "to": facts.called,
                spell("custom_parameters"): pairs(facts.options, START_PARAMETERS),
                spell("media_format"): {
                    "encoding": "audio/x-raw",
                    spell("sample_rate"): str(facts.media.sample_rate),
                    spell("bit_rate"): "16",
                },
            }
        },
        stop=lambda reason: {"stop": {**call, "reason": reason}},
        track=None,
        dtmf={"duration": "100"},
        sizes=Sizes(multiple=320, largest=100_000, advised=3200),
        counters=(
            Counter((names.sequence,)),
            Counter(("media", "chunk")),
            Counter(("media", "timestamp"), of_milliseconds=True),
        ),
        marks_after_clear=marks_after_clear(facts, "dropped", "returned"),
    )
    return MediaStream(form, facts)


def _in_camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)


def _dial(url: str, facts: CallFacts, credentials: Credentials) -> Handshake:
    """Ask for the sample rate if the option says so, and authorize with user:password."""
    if choice(facts.options, _QUERY, "no", "yes") == "yes":
        url = f"{url}{'&' if '?' in url else '?'}sample-rate={facts.media.sample_rate}"
    return Handshake(url, basic_header(credentials.secret))


DIALECT = DialectKind(
    "exotel",
    new=_new,
    sample_rates=(8000, 16000, 24000),
    caller_ptime_ms=100,
    marks_after_clear=MarksAfterClear.DROPPED,
    handshake=_dial,
    options={
        _CASING: "snake (default) or camel: how members are spelt, in both directions",
        _QUERY: "no (default) or yes: add ?sample-rate=N to the URL dialled",
        START_PARAMETERS: "NAME:VALUE,… told in the start message",
        CLEARED_MARKS: "dropped (default) or returned: what a clear does to marks not yet played",
    },
)
