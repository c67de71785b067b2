"""What can go wrong with a simulated Cartesia alone, beside what can with every service."""

from __future__ import annotations

from trioaudio.simulators.services import faults as fault
from trioaudio.simulators.services.faults import FaultKind, Scope

LEGACY_ERRORS = FaultKind(
    "legacy-errors", Scope.CONNECTION, "errors as before version 2026-03-01, whatever is asked for"
)
UNKNOWN_TYPE = FaultKind(
    "unknown-type", Scope.UTTERANCE, "a message of a type nobody knows before the audio"
)
GARBAGE = FaultKind("garbage", Scope.UTTERANCE, "a message that is no JSON before the audio")
PHONEMES_UNASKED = FaultKind(
    "phonemes-unasked", Scope.UTTERANCE, "phoneme_timestamps that were not asked for"
)
EMPTY_FLUSH_DATA = FaultKind(
    "empty-flush-data", Scope.UTTERANCE, 'flush_done carries an empty "data"'
)
INTERLEAVE = FaultKind(
    "interleave", Scope.UTTERANCE, "contexts on one connection send chunks strictly in turn"
)
STRAY_CONTEXT = FaultKind(
    "stray-context", Scope.UTTERANCE, "audio for a context the client does not own"
)
CANCEL_IGNORED = FaultKind(
    "cancel-ignored", Scope.UTTERANCE, "a cancelled context is spoken to its end"
)
CANCEL_AT_ONCE = FaultKind(
    "cancel-at-once", Scope.UTTERANCE, "a cancelled context falls silent, without a done"
)
CANCEL_NO_DONE = FaultKind(
    "cancel-no-done", Scope.UTTERANCE, "what a cancelled context was saying is not followed by done"
)
BUFFER_DELAY = FaultKind(
    "buffer-delay",
    Scope.UTTERANCE,
    "text is kept back for N ms where max_buffer_delay_ms is not given",
    4000,
)

FAULTS = (
    *(fault.UPGRADE_STATUS, fault.SLOW_UPGRADE, fault.IDLE_CLOSE, LEGACY_ERRORS),
    *(fault.REFUSE, fault.ORPHAN_REFUSE, fault.ORPHAN_FAIL),
    *fault.DELIVERY_FAULTS,
    *(UNKNOWN_TYPE, GARBAGE, PHONEMES_UNASKED, EMPTY_FLUSH_DATA, INTERLEAVE, STRAY_CONTEXT),
    *(CANCEL_IGNORED, CANCEL_AT_ONCE, CANCEL_NO_DONE, BUFFER_DELAY),
)
