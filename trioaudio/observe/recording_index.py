"""What stands beside a recording: its times, its utterances, what happened when, what it lacks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

import attrs

from trioaudio.core.encoding import Encoding
from trioaudio.core.pcm import PcmFormat
from trioaudio.observe.call_tape import CallTape

VERSION = 1

Plain: TypeAlias = str | int | float | bool | None


@attrs.frozen
class Note:
    """Something that happened `at_s` seconds after the beginning."""

    name: str
    at_s: float
    facts: Mapping[str, Plain]


@attrs.frozen
class IndexFacts:
    """What is known of a recording when it begins."""

    wav: str
    """The file's name, without its folder."""
    began_at: float
    """Seconds since 1970."""
    pcm: PcmFormat
    encoding: Encoding
    facts: Mapping[str, Plain]


def recording_index(  # noqa: PLR0913  one argument for each thing it says
    facts: IndexFacts,
    tape: CallTape,
    notes: Sequence[Note],
    *,
    duration_s: float,
    lost_messages: int,
    lost_notes: int,
    error: str | None,
) -> str:
    """Return the index as JSON; docs/recording.md lists its keys."""
    rate = tape.sample_rate
    began = datetime.fromtimestamp(facts.began_at, UTC).isoformat(timespec="milliseconds")
    index = {
        "version": VERSION,
        "wav": facts.wav,
        "began_at": began.replace("+00:00", "Z"),
        "duration_ms": _ms(duration_s),
        "sample_rate": rate,
        "ptime_ms": facts.pcm.ptime_ms,
        "encoding": facts.encoding.value,
        "channels": ["ours", "theirs"],
        "facts": dict(facts.facts),
        "utterances": [
            {
                "utterance": span.utterance,
                "from_ms": _ms(span.start / rate),
                "to_ms": _ms(span.end / rate),
            }
            for span in tape.spans
        ],
        "notes": [{"name": n.name, "at_ms": _ms(n.at_s), **_apart(n.facts)} for n in notes],
        "re_anchors": tape.re_anchors,
        "re_anchored": [{"at_ms": _ms(each.at_s), "by_ms": _ms(each.by_s)} for each in tape.told],
        "lost_messages": lost_messages,
        "lost_notes": lost_notes,
        "lost_utterances": tape.spans.left_out,
        "error": error,
    }
    return json.dumps(index, ensure_ascii=False, indent=1) + "\n"


def _apart(facts: Mapping[str, Plain]) -> dict[str, dict[str, Plain]]:
    return {"facts": dict(facts)} if facts else {}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
