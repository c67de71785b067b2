"""https://docs.jambonz.org/verbs/verbs/listen."""

from __future__ import annotations

import json

from call_control.placings import URL, WIDE, placing
from trioaudio.call_control.jambonz import CALL_CONTROL
from trioaudio.carriers.jambonz import JambonzSettings
from trioaudio.core.secret import Secret

LISTEN = {
    "verb": "listen",
    "url": URL,
    "sampleRate": 16000,
    "mixType": "mono",
    "passDtmf": True,
    "bidirectionalAudio": {"enabled": True, "streaming": True, "sampleRate": 16000},
}


def test_the_verb_asks_for_streaming() -> None:
    assert CALL_CONTROL.answer_document is not None
    assert json.loads(CALL_CONTROL.answer_document(JambonzSettings(), placing(WIDE)).body) == [
        LISTEN
    ]


def test_credentials_go_with_it() -> None:
    assert CALL_CONTROL.answer_document is not None
    own = JambonzSettings(user="u", password=Secret("the-password"))
    found = json.loads(CALL_CONTROL.answer_document(own, placing(WIDE)).body)
    assert found == [{**LISTEN, "wsAuth": {"username": "u", "password": "the-password"}}]
