"""What can go wrong with a simulated ElevenLabs alone, beside what can with every service."""

from __future__ import annotations

from trioaudio.simulators.services import faults as fault
from trioaudio.simulators.services.faults import FaultKind, Scope

OTHER_SPELLING = FaultKind(
    "other-spelling", Scope.UTTERANCE, "context_id, is_final and charsStartTimesMs for the usual"
)
NORMALIZED_ONLY = FaultKind(
    "normalized-only", Scope.UTTERANCE, "no alignment but that of the normalized text"
)
ABSOLUTE_TIMES = FaultKind(
    "absolute-times", Scope.UTTERANCE, "alignments count time from the context's beginning"
)
EARLY_ALIGNMENT = FaultKind(
    "early-alignment", Scope.UTTERANCE, "a text's first audio has the alignment of all of it"
)
NO_CONTEXT_ID = FaultKind(
    "no-context-id", Scope.UTTERANCE, "messages do not say which context they are of"
)
STRAY_CONTEXT = FaultKind(
    "stray-context", Scope.UTTERANCE, "audio for a context the client does not own"
)
UNKNOWN_MESSAGE = FaultKind(
    "unknown-message", Scope.UTTERANCE, "a message nobody knows before the audio"
)
CLOSE_AT_ONCE = FaultKind(
    "close-at-once", Scope.UTTERANCE, "a closed context is silent at once, and final"
)
EARLY_FINAL = FaultKind(
    "early-final", Scope.UTTERANCE, "a context is final once it has spoken what it was given"
)

FAULTS = (
    *(fault.UPGRADE_STATUS, fault.SLOW_UPGRADE, fault.IDLE_CLOSE),
    *(fault.REFUSE, fault.ORPHAN_REFUSE, fault.ORPHAN_FAIL),
    *fault.DELIVERY_FAULTS,
    *(OTHER_SPELLING, NORMALIZED_ONLY, ABSOLUTE_TIMES, EARLY_ALIGNMENT, NO_CONTEXT_ID),
    *(STRAY_CONTEXT, UNKNOWN_MESSAGE, CLOSE_AT_ONCE, EARLY_FINAL),
)
