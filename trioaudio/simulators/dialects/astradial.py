"""Astradial's bidirectional audio streaming, as a carrier sees it: Smartflo's without hang-up.

https://docs.astradial.com/integrations/audio-streaming
"""

from __future__ import annotations

from trioaudio.core.carrier import MarksAfterClear
from trioaudio.core.encoding import Encoding
from trioaudio.simulators.dialect import CallFacts, Dialect, DialectKind
from trioaudio.simulators.dialects._smartflo_like import OPTIONS, PTIME_MS, smartflo_like


def _new(facts: CallFacts) -> Dialect:
    return smartflo_like(facts, ends=False)


DIALECT = DialectKind(
    "astradial",
    new=_new,
    encodings=(Encoding.MULAW,),
    sample_rates=(8000,),
    caller_ptime_ms=PTIME_MS,
    marks_after_clear=MarksAfterClear.RETURNED,
    options=OPTIONS,
)
