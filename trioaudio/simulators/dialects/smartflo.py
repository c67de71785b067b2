"""Tata Smartflo's bidirectional audio streaming, as a carrier sees it.

https://docs.smartflo.tatatelebusiness.com/docs/bi-directional-audio-streaming-integration-document
That an `end` message hangs up is read in Acefone's client for pipecat, which names both carriers.
"""

from __future__ import annotations

from trioaudio.core.carrier import MarksAfterClear
from trioaudio.core.encoding import Encoding
from trioaudio.simulators.dialect import CallFacts, Dialect, DialectKind
from trioaudio.simulators.dialects._smartflo_like import OPTIONS, PTIME_MS, smartflo_like


def _new(facts: CallFacts) -> Dialect:
    return smartflo_like(facts, ends=True)


DIALECT = DialectKind(
    "smartflo",
    new=_new,
    encodings=(Encoding.MULAW,),
    sample_rates=(8000,),
    caller_ptime_ms=PTIME_MS,
    marks_after_clear=MarksAfterClear.RETURNED,
    options=OPTIONS,
)
