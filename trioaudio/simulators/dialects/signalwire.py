"""SignalWire's cXML `<Stream>` as a carrier sees it: Twilio's messages with a choice of codec.

Documented: the codecs PCMU@8000h (default), L16@16000h and L16@24000h, and a bearer token for
the upgrade (https://signalwire.com/docs/compatibility-api/cxml/reference/voice/stream).
Inferred: ids are UUIDs as in its REST interface, the start message names codecs as Twilio would
(PCMA among them, which SignalWire's calls use as well), and a clear returns marks as with Twilio;
an option drops them instead. Nobody documents the byte order of L16, so both can be spoken.
"""

from __future__ import annotations

from trioaudio.core.carrier import MarksAfterClear
from trioaudio.core.encoding import Encoding
from trioaudio.simulators.dialect import CallFacts, Credentials, Dialect, DialectKind, Handshake
from trioaudio.simulators.dialects._twilio_like import MULAW, OPTIONS, Ids, twilio_like

_PROJECT = "5e0c1a7e-6f4b-4d2a-9a35-2b8f7f6f1c11"
_ENCODINGS = {
    Encoding.MULAW: MULAW,
    Encoding.PCM16: "audio/L16",
    Encoding.PCM16_BE: "audio/L16",
    Encoding.ALAW: "audio/x-alaw",
}


def _new(facts: CallFacts) -> Dialect:
    ids = Ids(_PROJECT, facts.stream_id, facts.call_id)
    return twilio_like(facts, ids, _ENCODINGS)


def _authorize(url: str, _facts: CallFacts, credentials: Credentials) -> Handshake:
    if not credentials.secret:
        return Handshake(url)
    return Handshake(url, (("Authorization", f"Bearer {credentials.secret}"),))


DIALECT = DialectKind(
    "signalwire",
    new=_new,
    encodings=tuple(_ENCODINGS),
    sample_rates=(8000, 16000, 24000),
    marks_after_clear=MarksAfterClear.RETURNED,
    handshake=_authorize,
    options=OPTIONS,
)
