"""A simulated Vonage Voice API WebSocket endpoint: binary packets of exactly 20 ms.

Source: https://developer.vonage.com/en/voice/voice-api/guides/websockets; the signed request is
described at https://developer.vonage.com/en/getting-started/concepts/webhooks. Not documented is
what a clear does to notifies that wait: they are dropped here, which an option changes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import attrs
import jwt

from trioaudio.core.carrier import MarksAfterClear, Message
from trioaudio.core.encoding import Encoding
from trioaudio.core.wire_json import JsonObject, compact
from trioaudio.simulators.dialect import (
    Action,
    Audio,
    Backlog,
    CallFacts,
    Credentials,
    DialectKind,
    Handshake,
    Malformed,
    MarkAsked,
    Reading,
)
from trioaudio.simulators.dialects._broken_messages import broken_texts
from trioaudio.simulators.dialects._options import choice, pairs
from trioaudio.simulators.dialects._says_nothing import SaysNothing
from trioaudio.simulators.dialects._strict_reading import (
    DeviationError,
    demand_members,
    demand_name,
    demand_object,
    demand_samples,
    parse_object,
)

_PACKET_MS = 20
_MOST_PACKETS = 3072
_KEY_PRESS_MS = 260
_VALID_SECONDS = 300
_AFTER_CLEAR = ("dropped", "returned")


@attrs.frozen
class Vonage(SaysNothing):
    """One connection. A mark's name is its notify's payload as JSON text, to come back as it is."""

    facts: CallFacts
    returns_notifies: bool

    def opening(self) -> Sequence[Message]:
        """Return websocket:connected, with the endpoint's headers among its members."""
        told: JsonObject = {
            "event": "websocket:connected",
            "content-type": f"audio/l16;rate={self.facts.media.sample_rate}",
            **pairs(self.facts.options, "headers"),
        }
        return [compact(told)]

    def caller_audio(self, audio: bytes) -> Message:
        """Return the audio as it is."""
        return audio

    def dtmf(self, digit: str) -> Sequence[Message]:
        """Return websocket:dtmf, its duration in milliseconds."""
        told: JsonObject = {"event": "websocket:dtmf", "digit": digit, "duration": _KEY_PRESS_MS}
        return [compact(told)]

    def mark_played(self, name: str) -> Sequence[Message]:
        """Return websocket:notify with the payload it was asked with."""
        return [compact({"event": "websocket:notify", "payload": json.loads(name)})]

    def cleared(self, marks: Sequence[str]) -> Sequence[Message]:
        """Return websocket:cleared, and the notifies that waited if the option says so."""
        returned = marks if self.returns_notifies else ()
        notifies = [message for mark in returned for message in self.mark_played(mark)]
        return [compact({"event": "websocket:cleared"}), *notifies]

    def read(self, message: Message) -> Sequence[Reading]:
        """Read a packet of audio, or an action."""
        try:
            if isinstance(message, bytes):
                return [self._read_packet(message)]
            return [_read_action(parse_object(message, "Vonage"))]
        except DeviationError as exc:
            return [Malformed(str(exc))]

    def malformed(self) -> Sequence[Message]:
        """Return messages of this kind gone wrong."""
        return [
            *broken_texts("event"),
            b"",
            b"\x01",
            bytes(self.facts.media.bytes_in(_PACKET_MS) - 1),
            '{"event":"websocket:connected"}',
            '{"event":"websocket:connected","content-type":"audio/l16;rate=fast"}',
            '{"event":"websocket:connected","content-type":8000}',
            '{"event":"websocket:dtmf"}',
            '{"event":"websocket:dtmf","digit":["5"],"duration":"long"}',
            '{"event":"websocket:dtmf","digit":"","duration":-1}',
            '{"event":"websocket:notify"}',
            '{"event":"websocket:notify","payload":"m1"}',
            '{"event":"websocket:notify","payload":{"id":{"is":"no text"}}}',
            '{"event":"websocket:cleared","payload":[]}',
        ]

    def _read_packet(self, data: bytes) -> Reading:
        demand_samples(data, Encoding.PCM16)
        packet = self.facts.media.bytes_in(_PACKET_MS)
        if len(data) == packet:
            return Audio(data)
        return Audio(data, f"{len(data)} bytes of audio; must be one packet of {packet}")


def _read_action(value: JsonObject) -> Reading:
    match demand_name(value, "action"):
        case "clear":
            demand_members(value, "clear", ("action",))
            return Action.CLEAR
        case "notify":
            demand_members(value, "notify", ("action", "payload"))
            return MarkAsked(compact(demand_object(value, "notify", "payload")))
        case action:
            raise DeviationError(f"action {action[:40]!r} is unknown to Vonage")


def _new(facts: CallFacts) -> Vonage:
    return Vonage(facts, choice(facts.options, "notifies-after-clear", *_AFTER_CLEAR) == "returned")


def _shake_hands(url: str, _facts: CallFacts, credentials: Credentials) -> Handshake:
    if not credentials.secret:
        return Handshake(url)
    issued = int(credentials.at)
    claims = {
        "iss": "Vonage",
        "iat": issued,
        "exp": issued + _VALID_SECONDS,
        "jti": credentials.nonce,
    }
    token = jwt.encode(claims, credentials.secret, algorithm="HS256")
    return Handshake(url, headers=(("Authorization", f"Bearer {token}"),))


DIALECT = DialectKind(
    name="vonage",
    new=_new,
    sample_rates=(8000, 16000, 24000),
    marks_after_clear=MarksAfterClear.DROPPED,
    backlog=Backlog(most_ms=_MOST_PACKETS * _PACKET_MS),
    handshake=_shake_hands,
    options={
        "headers": "the endpoint's headers, NAME:VALUE,NAME:VALUE, told when connected",
        "notifies-after-clear": "dropped, or returned at once after websocket:cleared",
    },
)
