"""What can go wrong with a simulated Deepgram alone, beside what can with every service."""

from __future__ import annotations

from trioaudio.simulators.services import faults as fault
from trioaudio.simulators.services.faults import FaultKind, Scope

UNKNOWN_TYPE = FaultKind(
    "unknown-type", Scope.UTTERANCE, "a message of a type nobody knows before the audio"
)
WARNING = FaultKind("warning", Scope.UTTERANCE, "a Warning that is no matter before the audio")
FLUSH_REFUSED = FaultKind(
    "flush-refused", Scope.UTTERANCE, "a Flush is not done, and a Warning says so"
)
CLEAR_IGNORED = FaultKind("clear-ignored", Scope.CONNECTION, "a Clear is neither done nor answered")
LATE_CLEAR = FaultKind(
    "late-clear", Scope.CONNECTION, "a Clear is done and answered after N ms", 200
)

FAULTS = (
    *(fault.UPGRADE_STATUS, fault.SLOW_UPGRADE, fault.IDLE_CLOSE, CLEAR_IGNORED, LATE_CLEAR),
    fault.REFUSE,
    *(each for each in fault.DELIVERY_FAULTS if each is not fault.NO_TIMESTAMPS),
    *(UNKNOWN_TYPE, WARNING, FLUSH_REFUSED),
)
