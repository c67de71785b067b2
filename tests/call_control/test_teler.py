"""https://frejun.ai/docs/call-flows."""

from __future__ import annotations

import json

from call_control.placings import URL, WIDE, placing
from trioaudio.call_control.teler import CALL_CONTROL
from trioaudio.core.carrier import CarrierSettings


def test_the_flow() -> None:
    assert CALL_CONTROL.answer_document is not None
    document = CALL_CONTROL.answer_document(CarrierSettings(), placing(WIDE))
    assert json.loads(document.body) == {
        "action": "stream",
        "ws_url": URL,
        "chunk_size": 100,
        "sample_rate": "16k",
    }
