"""What is told of a call at its end, and of many calls together, for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from trioaudio.core.percentiles import spread
from trioaudio.simulators.call import SimulatedCall

_SUMMED = (
    *("frames", "bytes", "messages", "connections", "dry_count", "dry_ms", "played_ms"),
    *("dropped_ms", "unplayed_ms", "breaks", "command_count", "protocol_error_count"),
    *("flow_pauses", "dtmf_sent", "caller_messages", "caller_dropped"),
)


def report(call: SimulatedCall) -> dict[str, Any]:
    """Return one call's report."""
    arrived = call.arrivals.statistics()
    played = call.playout.statistics()
    ms = call.pcm.milliseconds_of
    return {
        "dialect": call.dialect,
        "call_id": call.call_id,
        "handshake": call.handshake,
        "encoding": call.media.encoding.value,
        "frames": call.frames,
        "frame_bytes": call.pcm.frame_bytes,
        "bytes": call.audio_bytes,
        "messages": call.messages,
        "sample_rate": call.pcm.sample_rate,
        "ptime_ms": call.pcm.ptime_ms,
        "spacing_ms": arrived.spacing_ms.asdict(),
        "lateness_ms": arrived.lateness_ms.asdict(),
        "drift_ms": None if arrived.drift_ms is None else round(arrived.drift_ms, 3),
        "burst_ms": round(arrived.burst_ms, 3),
        "depth_ms": call.playout.depth.asdict(),
        "dry_count": played.dry_count,
        "dry_ms": ms(played.dry),
        "played_ms": ms(played.played),
        "played_samples": call.callee.samples,
        "played_sha256": call.callee.sha256,
        "dropped_ms": ms(played.dropped + call.refused),
        "unplayed_ms": ms(call.unplayed),
        "breaks": call.clears,
        "marks": call.marks.statistics(),
        "flow_pauses": call.flow.pauses,
        "dtmf_sent": call.keys_pressed,
        "caller_messages": call.caller_messages,
        "caller_dropped": call.caller_dropped,
        "peak": call.callee.peak,
        "rms": round(call.callee.rms, 1),
        "commands": call.commands,
        "command_count": call.command_count,
        "controls": [{"name": name, "count": count} for name, count in call.controls.items()],
        "protocol_errors": call.protocol_errors,
        "protocol_error_count": call.protocol_error_count,
        "connections": call.connections,
        "closed": None if call.closed is None else attrs.asdict(call.closed),
        "first_audio_at": call.first_audio_at,
        "error": None if call.failure is None else str(call.failure),
    }


def total(calls: Sequence[SimulatedCall], reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what all calls come to: sums, and spreads over the messages of all of them."""
    marks = ("asked", "played", "cleared", "lost")
    return {
        "calls": len(calls),
        "connected": sum(1 for call in calls if call.connections),
        "failed": sum(1 for call in calls if call.failure is not None),
        **{key: sum(each[key] for each in reports) for key in _SUMMED},
        "marks": {name: sum(each["marks"][name] for each in reports) for name in marks},
        "spacing_ms": spread(
            value for call in calls for value in call.arrivals.spacing_values()
        ).asdict(),
        "lateness_ms": spread(
            value for call in calls for value in call.arrivals.lateness_values()
        ).asdict(),
        "burst_ms": max((each["burst_ms"] for each in reports), default=0.0),
    }
