"""Acefone's bidirectional audio streaming, as a carrier sees it: Smartflo's, with linear audio too.

https://docs.acefone.in/docs/bi-directional-audio-streaming-integration-document; the `end`
message and slin16 are read in Acefone's client for pipecat, pipecat-acefone 0.1.3.
"""

from __future__ import annotations

from trioaudio.core.carrier import MarksAfterClear
from trioaudio.core.encoding import Encoding
from trioaudio.simulators.dialect import CallFacts, Dialect, DialectKind
from trioaudio.simulators.dialects._smartflo_like import OPTIONS, PTIME_MS, smartflo_like


def _new(facts: CallFacts) -> Dialect:
    return smartflo_like(facts, ends=True)


DIALECT = DialectKind(
    "acefone",
    new=_new,
    encodings=(Encoding.MULAW, Encoding.PCM16),
    caller_ptime_ms=PTIME_MS,
    marks_after_clear=MarksAfterClear.RETURNED,
    options=OPTIONS,
)
