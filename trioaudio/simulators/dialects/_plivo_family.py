"""Plivo's stream events, which Vobiz speaks as well: JSON text, base64 audio, checkpoints.

The forms are documented at https://www.plivo.com/docs/voice/xml/audio-stream/stream-events-to-plivo
and in the vendor's own package plivo-stream-sdk; the signature is that of the vendor's package
plivo, `utils/signature_v3.py`. A dialect has no clock, so timestamps count the audio from a
day in the past. Which URL is signed for an upgrade is documented nowhere: the option chooses.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import urllib.parse
from collections.abc import Mapping, Sequence

import attrs

from trioaudio.core.carrier import Message
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.wire_json import JsonObject, JsonValue, compact
from trioaudio.simulators.dialect import (
    Action,
    Audio,
    CallFacts,
    Credentials,
    Malformed,
    MarkAsked,
    Reading,
)
from trioaudio.simulators.dialects._broken_messages import broken_texts
from trioaudio.simulators.dialects._options import choice
from trioaudio.simulators.dialects._says_nothing import SaysNothing
from trioaudio.simulators.dialects._strict_reading import (
    DeviationError,
    demand_audio,
    demand_members,
    demand_name,
    demand_object,
    demand_text,
    demand_value,
    parse_object,
)

CONTENT_TYPES: Mapping[Encoding, str] = {
    Encoding.PCM16: "audio/x-l16",
    Encoding.MULAW: "audio/x-mulaw",
}
SIGNED_URLS = tuple(
    f"{scheme}{path}{query}"
    for scheme in ("https", "http", "wss")
    for path in ("", "-websocket")
    for query in ("", "-no-query")
)
SIGNED_URL_MEANING = (
    "which URL the signature is of: https, http or wss, then -websocket for a path that has"
    " /websocket appended, then -no-query"
)
_EPOCH_MS = 1_700_000_000_000


@attrs.define(eq=False)
class PlivoLike(SaysNothing):
    """One stream of Plivo's kind."""

    facts: CallFacts
    carrier: str
    account: str
    _sequence: int = 0
    _chunk: int = 0
    _heard_ms: int = 0

    def opening(self) -> Sequence[Message]:
        """Return the start event; there is no `connected` before it."""
        start: JsonObject = {
            "callId": self.facts.call_id,
            "streamId": self.facts.stream_id,
            "accountId": self.account,
            "tracks": ["inbound"],
            "mediaFormat": {
                "encoding": CONTENT_TYPES[self.facts.media.encoding],
                "sampleRate": self.facts.media.sample_rate,
            },
        }
        headers = self.facts.options.get("extra-headers", "{}")
        return [
            compact(
                {
                    "sequenceNumber": self._next_sequence(),
                    "event": "start",
                    "start": start,
                    "extra_headers": headers,
                }
            )
        ]

    def caller_audio(self, audio: bytes) -> Message:
        """Return a media event; its numbers are JSON numbers, its timestamp is a text."""
        self._chunk += 1
        media: JsonObject = {
            "track": "inbound",
            "timestamp": self._timestamp(),
            "chunk": self._chunk,
            "payload": base64.b64encode(audio).decode(),
        }
        self._heard_ms += len(audio) * 1000 // self.facts.media.bytes_in(1000)
        return self._say("media", {"media": media, "extra_headers": ""})

    def dtmf(self, digit: str) -> Sequence[Message]:
        """Return a dtmf event."""
        pressed: JsonObject = {"track": "inbound", "digit": digit, "timestamp": self._timestamp()}
        return [self._say("dtmf", {"dtmf": pressed, "extra_headers": ""})]

    def mark_played(self, name: str) -> Sequence[Message]:
        """Return playedStream, the answer to a checkpoint."""
        return [self._say("playedStream", {"name": name})]

    def cleared(self, marks: Sequence[str]) -> Sequence[Message]:  # noqa: ARG002 -- forgotten
        """Return clearedAudio; checkpoints not reached are forgotten."""
        return [self._say("clearedAudio", {})]

    def read(self, message: Message) -> Sequence[Reading]:
        """Read playAudio, checkpoint or clearAudio."""
        try:
            value = parse_object(message, self.carrier)
            return [self.read_event(demand_name(value, "event"), value)]
        except DeviationError as exc:
            return [Malformed(str(exc))]

    def read_event(self, event: str, value: JsonObject) -> Reading:
        """Read one event; DeviationError says what is wrong with it."""
        match event:
            case "playAudio":
                return Audio(self._read_media(value))
            case "checkpoint":
                demand_members(value, event, ("event", "streamId", "name"))
                self.demand_stream(value, event)
                return MarkAsked(demand_text(value, event, "name"))
            case "clearAudio":
                demand_members(value, event, ("event", "streamId"))
                self.demand_stream(value, event)
                return Action.CLEAR
            case _:
                raise DeviationError(f"event {event[:40]!r} is unknown to {self.carrier}")

    def demand_stream(self, value: JsonObject, event: str) -> None:
        """Refuse another stream's id."""
        demand_value(value, event, "streamId", self.facts.stream_id)

    def malformed(self) -> Sequence[Message]:
        """Return messages of this kind gone wrong."""
        stream = self.facts.stream_id

        def media(**changes: JsonValue) -> Message:
            inner: JsonObject = {
                "track": "inbound",
                "timestamp": "1",
                "chunk": 1,
                "payload": "AAAA",
                **changes,
            }
            told: JsonObject = {k: v for k, v in inner.items() if v is not None}
            return compact({"event": "media", "streamId": stream, "media": told})

        return [
            *broken_texts("event"),
            b"\x00" * 320,
            compact({"event": "start"}),
            compact({"event": "start", "start": {"mediaFormat": {"sampleRate": "fast"}}}),
            compact({"event": "media", "streamId": stream}),
            compact({"event": "media", "streamId": stream, "media": "AAAA"}),
            media(payload=None),
            media(payload="AAA"),
            media(payload="A!AA"),
            media(payload="AA=="),
            media(payload=[0, 0]),
            media(payload=""),
            media(track=None, timestamp=-1, chunk="one"),
            compact({"event": "dtmf", "streamId": stream, "dtmf": {"digit": "flash"}}),
            compact({"event": "dtmf", "streamId": stream, "dtmf": {}}),
            compact({"event": "playedStream", "streamId": stream}),
            compact({"event": "playedStream", "streamId": "another", "name": {"is": "no text"}}),
            compact({"event": "clearedAudio", "streamId": None}),
        ]

    def _read_media(self, value: JsonObject) -> bytes:
        demand_members(value, "playAudio", ("event", "media"), optional=("streamId",))
        if "streamId" in value:
            self.demand_stream(value, "playAudio")
        media = demand_object(value, "playAudio", "media")
        where = "playAudio media"
        demand_members(media, where, ("contentType", "sampleRate", "payload"))
        spoken: MediaFormat = self.facts.media
        demand_value(media, where, "contentType", CONTENT_TYPES[spoken.encoding])
        demand_value(media, where, "sampleRate", spoken.sample_rate)
        audio = demand_audio(media, where, "payload", spoken.encoding)
        if audio.startswith(b"RIFF"):
            raise DeviationError(f"{where}: payload begins with a WAV header; raw samples only")
        return audio

    def _say(self, event: str, more: JsonObject) -> str:
        told: JsonObject = {
            "sequenceNumber": self._next_sequence(),
            "streamId": self.facts.stream_id,
            "event": event,
        }
        return compact({**told, **more})

    def _next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence - 1

    def _timestamp(self) -> str:
        return str(_EPOCH_MS + self._heard_ms)


def sign(
    url: str, facts: CallFacts, credentials: Credentials, header: str
) -> tuple[tuple[str, str], ...]:
    """Return the signature's headers, none without a secret; `header` is the signature's name."""
    chosen = choice(facts.options, "signed-url", *SIGNED_URLS)
    if not credentials.secret:
        return ()
    signed = f"{signed_url(url, chosen)}.{credentials.nonce}"
    digest = hmac.digest(credentials.secret.encode(), signed.encode(), hashlib.sha256)
    return (
        (header, base64.b64encode(digest).decode()),
        (f"{header}-Nonce", credentials.nonce),
    )


def signed_url(url: str, chosen: str) -> str:
    """Return what of a URL goes into the signature: its query decoded, and sorted by key."""
    scheme, *changes = chosen.split("-", 1)
    change = changes[0] if changes else ""
    parts = urllib.parse.urlsplit(url)
    path = f"{parts.path}/websocket" if change.startswith("websocket") else parts.path
    pairs = sorted(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
    told = "&".join(f"{key}={value}" for key, value in pairs)
    query = f"?{told}" if told and not change.endswith("no-query") else ""
    return f"{scheme}://{parts.netloc}{path}{query}"
