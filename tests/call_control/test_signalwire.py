"""https://developer.signalwire.com/compatibility-api."""

from __future__ import annotations

import attrs
import pytest

from call_control.placings import MULAW, URL, WIDE, form_of, placing
from trioaudio.call_control.signalwire import CALL_CONTROL
from trioaudio.carriers.signalwire import SignalwireSettings
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.secret import Secret

SETTINGS = SignalwireSettings(
    project_id="p-1", api_token=Secret("the-token"), space="example.signalwire.com"
)


def document(settings: SignalwireSettings, media: MediaFormat, **more: object) -> str:
    assert CALL_CONTROL.answer_document is not None
    return CALL_CONTROL.answer_document(settings, placing(media, **more)).body


def test_the_address_is_the_spaces() -> None:
    assert CALL_CONTROL.place is not None
    request = CALL_CONTROL.place(SETTINGS, placing())
    base = "https://example.signalwire.com/api/laml/2010-04-01/Accounts/p-1"
    assert request.url == f"{base}/Calls.json"
    assert request.basic == ("p-1", Secret("the-token"))
    assert "Twiml" in form_of(request)
    simulated = attrs.evolve(SETTINGS, space="http://127.0.0.1:8080")
    assert CALL_CONTROL.place(simulated, placing()).url.startswith("http://127.0.0.1:8080/api/")


@pytest.mark.parametrize(
    ("media", "codec"),
    [
        (MULAW, "PCMU@8000h"),
        (WIDE, "L16@16000h"),
        (MediaFormat(Encoding.PCM16_BE, 24000), "L16@24000h"),
        (MediaFormat(Encoding.ALAW, 8000), "PCMA@8000h"),
    ],
)
def test_the_stream_names_its_codec(media: MediaFormat, codec: str) -> None:
    assert f'<Stream url="{URL}" codec="{codec}" />' in document(SETTINGS, media)


def test_a_token_is_brought_along() -> None:
    own = attrs.evolve(SETTINGS, stream_token=Secret("of-the-settings"))
    assert 'authBearerToken="of-the-settings"' in document(own, MULAW)
    one = document(own, MULAW, stream_token=Secret("of-this-call"))
    assert 'authBearerToken="of-this-call"' in one
