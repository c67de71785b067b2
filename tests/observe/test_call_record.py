from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import pytest

from trioaudio.api.shapes import CallCause, Cause, Certainty
from trioaudio.calls.call_history import CallHistory, FailoverHistory, UtteranceHistory
from trioaudio.core.call_lateness import CallLateness
from trioaudio.core.ledger import LedgerStatistics
from trioaudio.core.percentiles import Histogram, Spread
from trioaudio.core.speech import Stretch
from trioaudio.line import CallTotals
from trioaudio.observe.call_record import call_record, moment

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA: dict[str, Any] = json.loads((DOCS / "call-record.schema.json").read_text("utf-8"))
BEGAN = 1_800_000_000.0  # 2027-01-15T08:00:00Z


def full_history() -> CallHistory:
    lateness = CallLateness(Histogram())
    for late in (0.001, 0.002, 0.03, 0.25):
        lateness.add(late)
    call = CallHistory(
        call="c1",
        carrier="telecmi",
        created_at=BEGAN,
        carrier_call_id="CM-1",
        stream_id="s1",
        to="+914400000001",
        caller_id="+914400000002",
        labels={"campaign": "अ"},
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        answered_at=BEGAN + 2.5,
        first_audio_at=BEGAN + 2.75,
        ended_at=BEGAN + 62.5004,
        cause="hung-up",
        reason="we hung up",
        ledger=LedgerStatistics(framed=120, queued=0, sent=100, flushed=20, expired=3),
        totals=CallTotals(
            underruns=1,
            underrun_seconds=0.25,
            resyncs=2,
            stalls=3,
            idle_frames=40,
            wire_bytes=5000,
            complaints=4,
        ),
        lateness=lateness,
        dtmf=5,
    )
    call.complete(
        UtteranceHistory(
            utterance=1,
            cause="barge-in",
            accepted_at=BEGAN + 2.5,
            first_frame_at=BEGAN + 2.75,
            completed_at=BEGAN + 4,
            played_ms=1250.0,
            unheard_ms=360.0,
            characters=30,
            heard_characters=20,
            certainty="acked",
            spoken_by=("cartesia", "espeak"),
        )
    )
    call.speak(Stretch("cartesia", 0, 25, 1200.0))
    call.fail_over(FailoverHistory(BEGAN + 3, 1, "cartesia", "espeak", "it said nothing"))
    call.barge_in(0.012)
    call.reconnect(0.75)
    call.recordings.append("/var/lib/trioaudio/recordings/c1.wav")
    return call


def bare_history() -> CallHistory:
    return CallHistory(call="c2", carrier="raw", created_at=BEGAN)


def told(history: CallHistory) -> dict[str, Any]:
    """As it is in the file."""
    record = json.loads(json.dumps(call_record(history), allow_nan=False))
    assert isinstance(record, dict)
    return record


def keys_of(value: object, prefix: str = "") -> Iterator[str]:
    if isinstance(value, dict) and prefix != "labels":
        for key, below in value.items():
            path = f"{prefix}.{key}" if prefix else str(key)
            yield path
            yield from keys_of(below, path)
    elif isinstance(value, list):
        for each in value:
            yield from keys_of(each, prefix)


def keys_of_schema(schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    schema = schema.get("items", schema)
    properties: dict[str, Any] = schema.get("properties", {})
    assert list(properties) == schema.get("required", [])
    for key, below in properties.items():
        path = f"{prefix}.{key}" if prefix else key
        yield path
        yield from keys_of_schema(below, path)


def test_the_record_of_a_full_call() -> None:
    assert told(full_history()) == {
        "version": 1,
        "call": "c1",
        "carrier": "telecmi",
        "carrier_call_id": "CM-1",
        "stream_id": "s1",
        "to": "+914400000001",
        "caller_id": "+914400000002",
        "labels": {"campaign": "अ"},
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "created": "2027-01-15T08:00:00.000Z",
        "answered": "2027-01-15T08:00:02.500Z",
        "ended": "2027-01-15T08:01:02.500Z",
        "duration_ms": 60_000.4,
        "cause": "hung-up",
        "reason": "we hung up",
        "first_audio_ms": 250,
        "utterances": [
            {
                "utterance": 1,
                "cause": "barge-in",
                "error": None,
                "accepted": "2027-01-15T08:00:02.500Z",
                "completed": "2027-01-15T08:00:04.000Z",
                "first_frame_ms": 250,
                "played_ms": 1250,
                "unheard_ms": 360,
                "characters": 30,
                "heard_characters": 20,
                "unheard_characters": 10,
                "certainty": "acked",
                "spoken_by": ["cartesia", "espeak"],
                "cached": False,
            }
        ],
        "utterance_totals": {
            "count": 1,
            "interrupted": 1,
            "failed": 0,
            "played_ms": 1250,
            "unheard_ms": 360,
            "heard_characters": 20,
            "unheard_characters": 10,
        },
        "engines": [
            {"engine": "cartesia", "characters": 25, "audio_ms": 1200, "cached": False},
        ],
        "failovers": {
            "count": 1,
            "last": [
                {
                    "at": "2027-01-15T08:00:03.000Z",
                    "utterance": 1,
                    "failed": "cartesia",
                    "by": "espeak",
                    "reason": "it said nothing",
                }
            ],
        },
        "frames": {"sent": 100, "late": 2, "flushed": 20, "expired": 3, "idle": 40},
        "lateness_ms": {
            "p50": pytest.approx(2, rel=0.13),
            "p99": pytest.approx(250, rel=0.13),
            "max": 250,
        },
        "underruns": {"count": 1, "ms": 250},
        "resyncs": 2,
        "stalls": 3,
        "reconnects": {"count": 1, "gap_ms": 750},
        "barge_ins": {"count": 1, "worst_ms": 12},
        "dtmf": 5,
        "complaints": 4,
        "wire_bytes": 5000,
        "recordings": ["/var/lib/trioaudio/recordings/c1.wav"],
    }


@pytest.mark.parametrize("history", [full_history(), bare_history()])
def test_the_schema_takes_it(history: CallHistory) -> None:
    jsonschema_rs.Draft202012Validator(SCHEMA).validate(told(history))


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"cause": "boredom"},
        {"created": "2027-01-15 08:00"},
        {"duration_ms": -1},
        {"labels": {"campaign": 5}},
        {"dtmf": 1.5},
        {"frames": {}},
    ],
)
def test_the_schema_refuses_what_is_no_record(change: dict[str, Any]) -> None:
    validator = jsonschema_rs.Draft202012Validator(SCHEMA)
    assert not validator.is_valid({**told(full_history()), **change})


def test_the_schema_knows_every_key_and_no_other() -> None:
    assert set(keys_of(told(full_history()))) - {"labels.campaign"} == set(keys_of_schema(SCHEMA))


def test_the_schema_knows_every_word() -> None:
    utterance = SCHEMA["properties"]["utterances"]["items"]["properties"]
    assert SCHEMA["properties"]["cause"]["enum"] == [*get_args(CallCause), None]
    assert utterance["cause"]["enum"] == list(get_args(Cause))
    assert utterance["certainty"]["enum"] == [*get_args(Certainty), None]


def test_the_page_tells_every_key_and_no_other() -> None:
    page = (DOCS / "records.md").read_text("utf-8")
    documented = re.findall(r"^\| `([\w.]+)` \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE)
    assert documented == list(keys_of_schema(SCHEMA))


def test_a_plain_histogram_tells_how_many_were_late_too() -> None:
    call = bare_history()
    call.lateness = Histogram()
    for late in (0.001, 0.019, 0.022, 0.5):
        call.lateness.add(late)
    assert told(call)["frames"]["late"] == 2


def test_what_cannot_tell_how_many_were_late_is_a_mistake() -> None:
    class Mute:
        max = 0.0
        count = 0

        def add(self, seconds: float) -> None:
            raise AssertionError

        def percentile(self, fraction: float) -> float:
            return 0.0

        def statistics(self) -> Spread:
            return Spread(0.0, 0.0, 0.0)

    call = bare_history()
    call.lateness = Mute()
    with pytest.raises(TypeError, match="Mute does not tell"):
        call_record(call)


def test_a_call_that_was_never_answered() -> None:
    record = told(bare_history())
    assert (record["answered"], record["duration_ms"], record["first_audio_ms"]) == (None,) * 3
    assert record["lateness_ms"] == {"p50": None, "p99": None, "max": None}
    assert record["barge_ins"] == {"count": 0, "worst_ms": None}


def test_a_wall_clock_set_back_makes_no_negative_durations() -> None:
    call = bare_history()
    call.answered_at, call.ended_at = BEGAN, BEGAN - 3600
    assert told(call)["duration_ms"] == 0


def test_moments_are_rounded_to_the_millisecond_and_are_utc() -> None:
    assert moment(0) == "1970-01-01T00:00:00.000Z"
    assert moment(BEGAN + 0.1239) == "2027-01-15T08:00:00.123Z"
