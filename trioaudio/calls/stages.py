"""What an utterance waited for before its first frame went out, stage by stage.

accepted → its turn → an engine chosen → asked → first audio → first sound → first frame
       queue      prepare        segment     engine       level        pace
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from trioaudio.core.speech import Beginning, Stretch
from trioaudio.core.utterance import Utterance

STAGES: Final = ("queue", "prepare", "segment", "engine", "level", "pace", "leading_silence")
"""All there are. The last one is no wait: it is sound that was dropped."""


@attrs.frozen(kw_only=True)
class Stages:
    """Seconds. All but `leading_silence` make up the time to the first frame.

    Of a prompt made before, a recording, or tones there are only the queue and the pace.
    """

    queue: float
    """Others spoke."""
    pace: float
    """Framing, and the wait for the moment to send: a gate, a pause, the end of what was before."""
    prepare: float | None = None
    """Text rules, the search for a prompt, and engines that failed before anything was heard."""
    segment: float | None = None
    """Until there was text enough for a clause."""
    engine: float | None = None
    """Until its first audio: connection, network, its own queue, synthesis."""
    level: float | None = None
    """Resampling, what levelling holds back, and the leading silence as long as it took to come."""
    leading_silence: float | None = None
    """Seconds of silence dropped."""

    def __iter__(self) -> Iterator[tuple[str, float]]:
        """Give those there are, by name."""
        for name in STAGES:
            seconds: float | None = getattr(self, name)
            if seconds is not None:
                yield name, seconds


def stages_of(utterance: Utterance, stretches: Sequence[Stretch]) -> Stages | None:
    """Return the stages of an utterance; None if nothing of it was sent."""
    accepted_at, begun_at = utterance.accepted_at, utterance.begun_at
    first_frame_at = utterance.first_frame_at
    if accepted_at is None or begun_at is None or first_frame_at is None:
        return None
    queue = _wait(accepted_at, begun_at)
    began = _beginning(stretches)
    if began is None:
        return Stages(queue=queue, pace=_wait(begun_at, first_frame_at))
    return Stages(
        queue=queue,
        prepare=_wait(begun_at, began.turn_at),
        segment=_wait(began.turn_at, began.asked_at),
        engine=_wait(began.asked_at, began.audio_at),
        level=_wait(began.audio_at, began.sound_at),
        pace=_wait(began.sound_at, first_frame_at),
        leading_silence=began.trimmed_s,
    )


def _beginning(stretches: Sequence[Stretch]) -> Beginning | None:
    """Return the beginning of the first stretch with a sound, unless that was made before."""
    first = next((each for each in stretches if each.audio_ms), None)
    return None if first is None or first.cached else first.beginning


def _wait(since: float, until: float) -> float:
    # The pacer's clock is read once a turn: it may be microseconds behind.
    return max(0.0, until - since)
