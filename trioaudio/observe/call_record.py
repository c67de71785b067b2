"""The record of a call that is over: one JSON object, for billing, quality and the last question.

docs/records.md describes every key, docs/call-record.schema.json is its JSON Schema.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from trioaudio.calls.call_history import CallHistory, FailoverHistory, UtteranceHistory
from trioaudio.core.call_lateness import CallLateness
from trioaudio.core.percentiles import Durations, Histogram
from trioaudio.observe.histogram_counts import buckets_of, counts_up_to

VERSION = 1

LATE_S = 0.02
"""A message is late when it is sent so much after it could have been."""

_LATE = buckets_of([LATE_S])


def call_record(history: CallHistory) -> dict[str, Any]:
    """Return the record. Every key is always there; null is what is not known."""
    totals = history.totals
    return {
        "version": VERSION,
        "call": history.call,
        "carrier": history.carrier,
        "carrier_call_id": history.carrier_call_id,
        "stream_id": history.stream_id,
        "to": history.to,
        "caller_id": history.caller_id,
        "labels": dict(history.labels),
        "traceparent": history.traceparent,
        "created": moment(history.created_at),
        "answered": _moment_if(history.answered_at),
        "ended": _moment_if(history.ended_at),
        "duration_ms": _ms_between(history.answered_at, history.ended_at),
        "cause": history.cause,
        "reason": history.reason,
        "first_audio_ms": _ms_between(history.answered_at, history.first_audio_at),
        **_spoken(history),
        "frames": _frames(history),
        "lateness_ms": history.lateness.statistics().asdict(),
        "underruns": {"count": totals.underruns, "ms": _ms(totals.underrun_seconds)},
        "resyncs": totals.resyncs,
        "stalls": totals.stalls,
        "reconnects": {"count": history.reconnects, "gap_ms": _ms(history.reconnect_gap_s)},
        "barge_ins": {"count": history.barge_ins, "worst_ms": _ms_if(history.worst_barge_in_s)},
        "dtmf": history.dtmf,
        "complaints": totals.complaints,
        "wire_bytes": totals.wire_bytes,
        "recordings": list(history.recordings),
    }


def _spoken(history: CallHistory) -> dict[str, Any]:
    totals = history.utterance_totals
    return {
        "utterances": [_utterance(each) for each in history.utterances],
        "utterance_totals": {
            "count": totals.count,
            "interrupted": totals.interrupted,
            "failed": totals.failed,
            "played_ms": round(totals.played_ms, 3),
            "unheard_ms": round(totals.unheard_ms, 3),
            "heard_characters": totals.heard_characters,
            "unheard_characters": totals.unheard_characters,
        },
        "engines": [
            {
                "engine": engine,
                "characters": use.characters,
                "audio_ms": round(use.audio_ms, 3),
                "cached": cached,
            }
            for (engine, cached), use in history.engines.items()
        ],
        "failovers": {
            "count": history.failovers,
            "last": [_failover(each) for each in history.failovers_kept],
        },
    }


def _utterance(said: UtteranceHistory) -> dict[str, Any]:
    return {
        "utterance": said.utterance,
        "cause": said.cause,
        "error": said.error,
        "accepted": moment(said.accepted_at),
        "completed": moment(said.completed_at),
        "first_frame_ms": _ms_between(said.accepted_at, said.first_frame_at),
        "played_ms": round(said.played_ms, 3),
        "unheard_ms": round(said.unheard_ms, 3),
        "characters": said.characters,
        "heard_characters": said.heard_characters,
        "unheard_characters": said.unheard_characters,
        "certainty": said.certainty,
        "spoken_by": list(said.spoken_by),
        "cached": said.cached,
    }


def _failover(failover: FailoverHistory) -> dict[str, Any]:
    return {
        "at": moment(failover.at),
        "utterance": failover.utterance,
        "failed": failover.failed,
        "by": failover.by,
        "reason": failover.reason,
    }


def _frames(history: CallHistory) -> dict[str, int]:
    return {
        "sent": history.ledger.sent,
        "late": _late(history.lateness),
        "flushed": history.ledger.flushed,
        "expired": history.ledger.expired,
        "idle": history.totals.idle_frames,
    }


def _late(lateness: Durations) -> int:
    match lateness:
        case CallLateness():
            return lateness.late
        case Histogram():
            [in_time], messages = counts_up_to(lateness.counts, _LATE)
            return messages - in_time
        case _:
            raise TypeError(f"{type(lateness).__name__} does not tell how many were late")


def moment(seconds: float) -> str:
    """Return a time since 1970 in ISO 8601: UTC, to the millisecond."""
    told = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return told.replace("+00:00", "Z")


def _moment_if(seconds: float | None) -> str | None:
    return None if seconds is None else moment(seconds)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _ms_if(seconds: float | None) -> float | None:
    return None if seconds is None else _ms(seconds)


def _ms_between(earlier: float | None, later: float | None) -> float | None:
    # A wall clock may be set back in the middle of a call.
    return None if earlier is None or later is None else _ms(max(0.0, later - earlier))
