"""jambonz `listen` / `stream` with `bidirectionalAudio.streaming`: binary PCM both ways.

https://docs.jambonz.org/verbs/verbs/listen, https://jambonz.org/docs/webhooks/listen, and
the public code of jambonz/freeswitch-modules (`mod_audio_fork`) and jambonz-feature-server.

Unusual about it:

* Audio from us is binary of any size, but only if the verb says `streaming: true`; otherwise
  jambonz ignores it. `bidirectionalAudio.sampleRate` and `sampleRate` are to be the same.
* The first message is one text: the call's attributes and our own metadata in one object. Nothing
  is sent before it.
* A mark binds to the *next* binary message, and there may be none for a long time. So one sample
  of silence follows each mark at once, 0.06 to 0.125 ms; then the mark is played after all
  the speech before it, and comes back.
* In its buffer jambonz writes a mark as the sample −1, and takes speech that holds one for a mark.
  So that sample is never sent.
* At most 30 marks are outstanding; more are dropped there without a word. They are not asked for.
* `killAudio` brings marks back as `cleared`, and may overtake audio sent before it: the vendor's
  staff advise a gap of 50 to 100 ms.
* The sub-protocol is `audio.jambonz.org` in the documentation, `audio.drachtio.org` in the code.
* `disconnect` ends the verb, and so does a lost connection: nothing is dialled again. The call goes
  on with its next verb, and ends if there is none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import assert_never

import attrs

from trioaudio.carriers._door_checks import basic_door_check
from trioaudio.carriers._reading import (
    StreamPlace,
    caller_audio,
    check_format,
    key_pressed,
    reported_error,
    shown,
    text_object,
)
from trioaudio.core.carrier import (
    Acknowledges,
    Answer,
    Carrier,
    CarrierSettings,
    ClearAudio,
    Command,
    Complaint,
    EndStream,
    Event,
    HangUp,
    Ignored,
    MarkPlayed,
    MarksAfterClear,
    Message,
    Pause,
    Recovery,
    Resume,
    Role,
    SendAudio,
    SendDtmf,
    SendMark,
    Started,
    Starts,
    Transfer,
    WireUnit,
)
from trioaudio.core.encoding import MediaFormat, Payload
from trioaudio.core.errors import LocalProtocolError
from trioaudio.core.secret import Secret
from trioaudio.core.wire_json import JsonObject, member, number_of, text_of

MARKER = -1
"""The sample by which jambonz marks a place in its own buffer."""

MOST_MARKS = 30
"""How many marks jambonz keeps; it drops more without a word."""

_LARGEST_MESSAGE = 655_360
_DTMF_CLOCK_KHZ = 8
"""A key's duration is counted in samples at 8 kHz, whatever the stream's rate."""

_HEARD = {"playout": True, "cleared": False}


@attrs.frozen
class JambonzSettings(CarrierSettings):
    """What jambonz brings along (`wsAuth`), and how it plays."""

    lead_ms: int = attrs.field(
        default=180, metadata={"help": "milliseconds each frame is sent before it is due"}
    )
    clear_gap_ms: int = attrs.field(
        default=60,
        metadata={"help": "milliseconds without audio after killAudio, which might overtake it"},
    )
    user: str = attrs.field(default="", metadata={"help": "user name given as wsAuth to the verb"})
    password: Secret = attrs.field(
        default=Secret(), metadata={"help": "password given as wsAuth to the verb; never shown"}
    )
    webhook_secret: Secret = attrs.field(
        default=Secret(),
        metadata={"help": "the account's webhook secret; to check the signatures of webhooks"},
    )


class JambonzCodec:
    """One leg's messages, and which marks jambonz still has."""

    __slots__ = ("_marks", "_media", "_place")

    def __init__(self, settings: CarrierSettings, media: MediaFormat) -> None:
        del settings  # what an operator may change about the messages is in `media`
        self._media = media
        self._place = StreamPlace("jambonz")
        self._marks: set[str] = set()

    # --- Inbound ---------------------------------------------------------------------

    def receive(self, message: Message) -> list[Event]:
        """Read binary as audio, text as an event; RemoteProtocolError for another format."""
        if isinstance(message, bytes):
            if complaint := self._place.misplaced("audio", None):
                return [complaint]
            return caller_audio(message, self._media.encoding.sample_bytes)
        value = text_object("jambonz", message)
        if isinstance(value, Complaint):
            return [value]
        kind = text_of(value.get("type")) or text_of(value.get("event"))
        # Our own metadata stands among the attributes, and may have a type.
        if "callSid" in value and (kind is None or self._place.ids is None):
            return [self._start(value)]
        if kind not in ("mark", "dtmf"):
            return [reported_error(value) if kind == "error" else Ignored(f"message {shown(kind)}")]
        if complaint := self._place.misplaced(kind, None):
            return [complaint]
        return [self._marked(value) if kind == "mark" else _pressed(value)]

    def is_media(self, message: Message) -> bool:
        """Binary is audio."""
        return isinstance(message, bytes)

    def _start(self, value: JsonObject) -> Event:
        call_id = text_of(value["callSid"])
        if again := self._place.repeated(call_id):
            return again
        stereo = value.get("mixType") == "stereo"
        check_format(
            "jambonz",
            self._media,
            sample_rate=value.get("sampleRate"),
            channels=2 if stereo else None,
        )
        self._place.ids = (call_id,)
        return Started(
            call_id=call_id,
            encoding=self._media.encoding.value,
            sample_rate=self._media.sample_rate,
            metadata=value,
        )

    def _marked(self, value: JsonObject) -> Event:
        name = text_of(member(value, "data", "name"))
        if name is None:
            return Complaint("a mark without a name; dropped")
        self._marks.discard(name)
        return MarkPlayed(name, _HEARD.get(text_of(member(value, "data", "event")) or ""))

    # --- Outbound --------------------------------------------------------------------

    def send(self, command: Command) -> list[Message]:
        """Write a command. A mark brings its own sample of silence; see the module's notes."""
        match command:
            case SendAudio(payload):
                return list(self.seal(payload))
            case SendMark(name):
                return self._mark(name)
            case ClearAudio():
                return [] if self._place.ids is None else ['{"type":"killAudio"}']
            case HangUp():
                return ['{"type":"disconnect"}']
            case EndStream() | Answer() | Pause() | Resume():
                return []
            case SendDtmf() | Transfer():
                raise LocalProtocolError(
                    f"jambonz: the stream has no way to {type(command).__name__}"
                )
            case _:
                assert_never(command)

    def seal(self, payload: Payload) -> Sequence[Message]:
        """Send audio as it is: framing has replaced the sample that must not be sent."""
        self._require_start()
        if isinstance(payload, str):
            raise LocalProtocolError("jambonz: audio goes as bytes, not as text")
        return (payload,)

    def _mark(self, name: str) -> list[Message]:
        self._require_start()
        if name not in self._marks and len(self._marks) >= MOST_MARKS:
            return []  # it would be dropped; our own estimate holds
        self._marks.add(name)
        mark = f'{{"type":"mark","data":{{"name":{json.dumps(name)}}}}}'
        return [mark, self._media.encoding.silence]

    def _require_start(self) -> None:
        if self._place.ids is None:
            raise LocalProtocolError("jambonz: nothing is sent before the call's attributes")


def _pressed(value: JsonObject) -> Event:
    samples = number_of(value.get("duration"))
    return key_pressed(value.get("dtmf"), None if samples is None else samples / _DTMF_CLOCK_KHZ)


CARRIER = Carrier(
    name="jambonz",
    roles=frozenset({Role.ANSWER}),
    settings=JambonzSettings(),
    new_codec=JambonzCodec,
    documentation="https://docs.jambonz.org/verbs/verbs/listen",
    never=MARKER,
    unit=WireUnit(multiple=2, smallest=2, largest=_LARGEST_MESSAGE),
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.END,
    clears=True,
    acknowledges=Acknowledges.MARKS,
    marks_after_clear=MarksAfterClear.REPORTED,
    subprotocols=("audio.jambonz.org", "audio.drachtio.org"),
    door_check=basic_door_check(),
    ends_by_close=True,
)
