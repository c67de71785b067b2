"""A simulated Vobiz audio stream: Plivo's events with a few differences of its own.

Source: https://docs.vobiz.ai/xml/stream/stream-events and the vendor's repository
vobiz-ai/Agent-Skills. Linear audio from the caller is big-endian there and audio to the caller
little-endian, playedStream is only a name, and `stop` ends the stream. The signature is documented
for webhooks (https://docs.vobiz.ai/concepts/validating-callbacks); for an upgrade it is a guess.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from trioaudio.core.carrier import MarksAfterClear, Message
from trioaudio.core.encoding import Encoding
from trioaudio.core.wire_json import JsonObject, compact
from trioaudio.simulators.dialect import (
    Action,
    CallFacts,
    Credentials,
    DialectKind,
    Handshake,
    Reading,
)
from trioaudio.simulators.dialects._options import choice
from trioaudio.simulators.dialects._plivo_family import SIGNED_URL_MEANING, PlivoLike, sign
from trioaudio.simulators.dialects._strict_reading import demand_members

_BYTE_ORDERS = ("big", "little")


@attrs.define(eq=False)
class Vobiz(PlivoLike):
    """One stream."""

    _swaps: bool = False

    def caller_audio(self, audio: bytes) -> Message:
        """Return a media event."""
        return super().caller_audio(_swapped(audio) if self._swaps else audio)

    def mark_played(self, name: str) -> Sequence[Message]:
        """Return playedStream, which has neither stream nor number."""
        return [compact({"event": "playedStream", "name": name})]

    def read_event(self, event: str, value: JsonObject) -> Reading:
        """Read one event; DeviationError says what is wrong with it."""
        if event != "stop":
            return super().read_event(event, value)
        demand_members(value, event, ("event", "streamId"))
        self.demand_stream(value, event)
        return Action.STOP


def _swapped(audio: bytes) -> bytes:
    swapped = bytearray(audio)
    swapped[::2], swapped[1::2] = audio[1::2], audio[::2]
    return bytes(swapped)


def _new(facts: CallFacts) -> Vobiz:
    big = choice(facts.options, "caller-byte-order", *_BYTE_ORDERS) == "big"
    return Vobiz(
        facts,
        "Vobiz",
        "MA_TRIOSIM",
        swaps=big and facts.media.encoding is Encoding.PCM16,
    )


def _shake_hands(url: str, facts: CallFacts, credentials: Credentials) -> Handshake:
    return Handshake(url, headers=sign(url, facts, credentials, "X-Vobiz-Signature-V3"))


DIALECT = DialectKind(
    name="vobiz",
    new=_new,
    encodings=(Encoding.MULAW, Encoding.PCM16),
    sample_rates=(8000, 16000, 24000),
    marks_after_clear=MarksAfterClear.DROPPED,
    handshake=_shake_hands,
    options={
        "signed-url": SIGNED_URL_MEANING,
        "caller-byte-order": "big, as documented, or little, for linear audio from the caller",
        "extra-headers": "the text of extra_headers in the start event",
    },
)
