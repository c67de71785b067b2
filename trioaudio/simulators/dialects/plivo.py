"""A simulated Plivo audio stream, bidirectional.

Source: https://www.plivo.com/docs/voice/xml/audio-stream. That Plivo offers a sub-protocol is
said by one user only, so it is an option.
"""

from __future__ import annotations

from trioaudio.core.carrier import MarksAfterClear
from trioaudio.core.encoding import Encoding
from trioaudio.simulators.dialect import CallFacts, Credentials, DialectKind, Handshake
from trioaudio.simulators.dialects._options import choice
from trioaudio.simulators.dialects._plivo_family import SIGNED_URL_MEANING, PlivoLike, sign

_SUBPROTOCOLS: dict[str, tuple[str, ...]] = {"none": (), "drachtio": ("audio.drachtio.org",)}


def _new(facts: CallFacts) -> PlivoLike:
    return PlivoLike(facts, "Plivo", "MATRIOAUDIOSIMULATED")


def _shake_hands(url: str, facts: CallFacts, credentials: Credentials) -> Handshake:
    return Handshake(
        url,
        headers=sign(url, facts, credentials, "X-Plivo-Signature-V3"),
        subprotocols=_SUBPROTOCOLS[choice(facts.options, "subprotocol", *_SUBPROTOCOLS)],
    )


DIALECT = DialectKind(
    name="plivo",
    new=_new,
    encodings=(Encoding.PCM16, Encoding.MULAW),
    marks_after_clear=MarksAfterClear.DROPPED,
    handshake=_shake_hands,
    options={
        "signed-url": SIGNED_URL_MEANING,
        "subprotocol": "none, or drachtio to offer audio.drachtio.org",
        "extra-headers": "the text of extra_headers in the start event",
    },
)
