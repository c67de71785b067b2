"""The figures of one call as one JSON object: ours, and beside them the far end's."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import attrs

from trioaudio.core.ledger import LedgerStatistics
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.speech import Stretch
from trioaudio.core.utterance import Utterance
from trioaudio.line import CallTotals
from trioaudio.observe.send_log import SendLog


@attrs.frozen
class CallFigures:
    """What the report is made of. Times are seconds on Trio's clock."""

    pcm: PcmFormat
    log: SendLog
    ledger: LedgerStatistics
    totals: CallTotals
    reconnects: int
    utterance: Utterance | None
    engine: str
    stretches: tuple[Stretch, ...]
    """Who spoke what."""
    voice: str | None
    carrier: str
    far_report: dict[str, Any] | None
    now: float


def call_report(figures: CallFigures) -> dict[str, Any]:
    """Return the report; keys and units are documented in docs/report.md."""
    log, totals, ledger = figures.log, figures.totals, figures.ledger
    return {
        "frames": ledger.sent,
        "frame_bytes": figures.pcm.frame_bytes,
        "ptime_ms": figures.pcm.ptime_ms,
        "sample_rate": figures.pcm.sample_rate,
        "audio_ms": ledger.sent * figures.pcm.ptime_ms,
        **_text_figures(figures),
        "lateness_ms": log.lateness_ms().asdict(),
        "spacing_ms": log.spacing_ms().asdict(),
        "drift_ms": _rounded(log.drift_ms()),
        "underruns": totals.underruns,
        "underrun_ms": round(totals.underrun_seconds * 1000, 3),
        "resyncs": totals.resyncs,
        "idle_frames": totals.idle_frames,
        "complaints": totals.complaints,
        "stale_marks": totals.stale_marks,
        "stalls": totals.stalls,
        "framed": ledger.framed,
        "flushed": ledger.flushed,
        "expired": ledger.expired,
        "reconnects": figures.reconnects,
        "wire_bytes": totals.wire_bytes,
        "engine": figures.engine,
        "spoken_by": [attrs.asdict(each, filter=_told) for each in figures.stretches],
        "unspoken_characters": _unspoken(figures),
        "voice": figures.voice,
        "carrier": {
            "frames": None,
            "lateness_ms": None,
            "spacing_ms": None,
            **(figures.far_report or {}),
            "name": figures.carrier,
        },
    }


def _text_figures(figures: CallFigures) -> dict[str, Any]:
    said = figures.utterance
    if said is None or said.first_frame_at is None or said.accepted_at is None:
        first, since_shell = None, None
    else:
        first = (said.first_frame_at - said.accepted_at) * 1000
        since_shell = process_age_ms() - (figures.now - said.first_frame_at) * 1000
    return {
        "text_characters": said.characters if said else 0,
        "first_frame_ms": _rounded(first),
        "shell_to_first_frame_ms": None if since_shell is None else round(since_shell),
        "played_ms": _rounded(said.played_ms) if said else None,
        "cause": said.cause.value if said and said.cause else None,
        "certainty": said.certainty.value if said and said.certainty else None,
    }


def _told(field: attrs.Attribute[Any], value: object) -> bool:
    """Leave out when a stretch began: `first_frame_ms` says what came of it."""
    del value
    return field.name != "beginning"


def _unspoken(figures: CallFigures) -> int:
    """Return the characters of the accepted text that no engine spoke."""
    accepted = figures.utterance.characters if figures.utterance else 0
    return max(0, accepted - max((each.end for each in figures.stretches), default=0))


def process_age_ms() -> float:
    """Return how long ago this process was started, to the kernel's 10 ms."""
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return (time.clock_gettime(time.CLOCK_BOOTTIME) - started) * 1000


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
