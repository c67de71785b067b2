"""TeleCMI / PIOPIY, the v2 PCMO `stream` action and its `StreamAction` messages.

https://doc.telecmi.com/piopiy/docs/ai-streaming (how a stream is opened),
https://doc.telecmi.com/piopiy/docs/stream-action-play-stream (`streamAudio`), and the public SDKs
telecmi/piopiy_python and telecmi/piopiy_node (`StreamAction`, PCMO arrays), read in code.

Unusual about it:

* TeleCMI dials us, and has no start, mark, DTMF or stop message: a connection is a start, a
  close is the end, and nothing says what was played.
* It sends binary PCM16 LE at the requested `voice_quality`, and perhaps one text message, JSON or
  opaque, before, after or never. Nothing of what it sends to us is documented.
* We send JSON text; control in mid-call is a PCMO *array* on the same socket.
* Whether successive messages are queued or cut each other is not known, so how many frames go
  in one message and how long to wait after a `break` are settings.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from typing import Any, assert_never

import attrs

from trioaudio.core.carrier import (
    Answer,
    CallerAudio,
    Carrier,
    CarrierSettings,
    ClearAudio,
    Command,
    Complaint,
    EndStream,
    Event,
    HangUp,
    Message,
    Metadata,
    Pause,
    Recovery,
    Resume,
    Role,
    SendAudio,
    SendDtmf,
    SendMark,
    Transfer,
)
from trioaudio.core.encoding import MediaFormat, Payload, PayloadForm
from trioaudio.core.errors import LocalProtocolError
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.core.secret import Secret, masked_url
from trioaudio.core.wire_json import base64_of, read_json


class Ending(enum.Enum):
    """How a finished call is ended."""

    HANGUP = "hangup"
    """`[{"action":"hangup"}]`: the telephone call ends."""
    STOP = "stop"
    """`{"action":"stop"}`: the stream ends for good, the call goes on with its next action."""
    CLOSE = "close"
    """Only the socket is closed; what the call does is the account's configuration."""


class Region(enum.Enum):
    """Which of the two addresses a call is placed at."""

    AUTO = "auto"
    """India's for a callee in India, by the number."""
    INDIA = "india"
    GLOBAL = "global"


class ListenMode(enum.Enum):
    """Whose voice the stream carries to us."""

    CALLER = "caller"
    CALLEE = "callee"
    BOTH = "both"


@attrs.frozen
class TelecmiSettings(CarrierSettings):
    """What is guessed about TeleCMI, each guess a setting, and what placing a call needs."""

    clear_gap_ms: int = attrs.field(
        default=60,
        metadata={
            "help": "milliseconds without audio after a break, since audio might overtake it"
        },
    )
    frames_per_message: int = attrs.field(
        default=1,
        metadata={
            "help": "60 ms frames in one streamAudio message; 0 sends each utterance whole."
            " TeleCMI's own samples send 3.2 s at a time; more frames cost barge-in precision"
        },
    )
    ending: Ending = attrs.field(
        default=Ending.HANGUP,
        metadata={"help": "how a finished call is ended: hangup, stop (the stream only) or close"},
    )
    app_id: str = attrs.field(
        default="", metadata={"help": "the account's app id, a number; to place calls"}
    )
    secret: Secret = attrs.field(
        default=Secret(), metadata={"help": "the app's secret; to place calls; never shown"}
    )
    region: Region = attrs.field(
        default=Region.AUTO,
        metadata={
            "help": "where calls are placed: india, global, or auto: india for numbers beginning"
            " with 91. TeleCMI's own clients disagree on the rule"
        },
    )
    listen_mode: ListenMode = attrs.field(
        default=ListenMode.CALLER,
        metadata={"help": "whose voice is sent to us: caller, callee or both (our own included)"},
    )
    rest_url: str = attrs.field(
        default="https://rest.telecmi.com/v2",
        metadata={"show": masked_url, "help": "where the REST interface is"},
    )


_ACTIONS: dict[type[Command], Message] = {
    ClearAudio: '{"action":"break"}',
    Pause: '{"action":"pause"}',
    Resume: '{"action":"resume"}',
    EndStream: '{"action":"stop"}',
}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


class TelecmiCodec:
    """One leg's messages; keeps no state, since TeleCMI has no ids and no sequence numbers."""

    __slots__ = ("_before", "_ending")

    def __init__(self, settings: CarrierSettings, media: MediaFormat) -> None:
        self._ending = settings.ending if isinstance(settings, TelecmiSettings) else Ending.HANGUP
        self._before = (
            '{"type":"streamAudio","data":{"audioDataType":"raw",'
            f'"sampleRate":{media.sample_rate},"audioData":"'
        )

    def receive(self, message: Message) -> list[Event]:
        """Read binary as audio and text as metadata, or as audio in one of four JSON shapes."""
        if isinstance(message, bytes):
            return _caller_audio(message)
        try:
            value = read_json(message)
        except ValueError:
            return [Metadata(message)]
        audio = _find_audio(value)
        if audio is None:
            return [Metadata(value)]
        decoded = base64_of(audio)
        if decoded is None:
            return [Complaint("audio that is not base64 in a JSON message; dropped")]
        return _caller_audio(decoded)

    def send(self, command: Command) -> list[Message]:
        """Write a command; marks have no message here, and keys cannot be pressed."""
        match command:
            case SendAudio(payload):
                return list(self.seal(payload))
            case ClearAudio() | Pause() | Resume() | EndStream():
                return [_ACTIONS[type(command)]]
            case HangUp():
                return self._hang_up()
            case Transfer():
                return [_bridge(command)]
            case SendMark() | Answer():
                return []
            case SendDtmf():
                raise LocalProtocolError("telecmi: keys cannot be pressed through the stream")
            case _:
                assert_never(command)

    def seal(self, payload: Payload) -> Sequence[Message]:
        """Wrap base64 in a streamAudio message."""
        if isinstance(payload, bytes):
            raise LocalProtocolError("telecmi: audio goes as base64, not as bytes")
        return (f'{self._before}{payload}"}}}}',)

    def is_media(self, message: Message) -> bool:
        """Binary is audio; text is looked at, it is rare."""
        return isinstance(message, bytes)

    def _hang_up(self) -> list[Message]:
        match self._ending:
            case Ending.HANGUP:
                return ['[{"action":"hangup"}]']
            case Ending.STOP:
                return [_ACTIONS[EndStream]]
            case Ending.CLOSE:
                return []
            case _:
                assert_never(self._ending)


def _caller_audio(audio: bytes) -> list[Event]:
    if len(audio) % SAMPLE_BYTES:
        odd = Complaint(f"{len(audio)} bytes of audio are no whole samples; last byte dropped")
        return [CallerAudio(audio[:-1]), odd]
    return [CallerAudio(audio)]


def _find_audio(value: Any) -> str | None:
    """Return base64 audio from the JSON shapes seen in this family of servers."""
    if not isinstance(value, dict):
        return None
    for holder, key in (
        (value.get("data"), "audioData"),
        (value, "audioData"),
        (value.get("media"), "payload"),
        (value, "payload"),
    ):
        if isinstance(holder, dict) and isinstance(found := holder.get(key), str):
            return found
    return None


def _bridge(transfer: Transfer) -> str:
    """PCMO `bridge`: numbers are JSON numbers with country code, without a plus sign."""
    try:
        numbers = [_number(each) for each in transfer.to]
        caller = {} if transfer.caller_id is None else {"from": _number(transfer.caller_id)}
    except ValueError as exc:
        raise LocalProtocolError(f"telecmi: {exc}") from None
    return _compact(
        [
            {
                "action": "bridge",
                **caller,
                "connect": [{"type": "pstn", "number": number} for number in numbers],
                "duration": transfer.duration_s,
                "timeout": transfer.timeout_s,
                "loop": 1,
            }
        ]
    )


def _number(text: str) -> int:
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"{text!r} is not a telephone number with country code")
    return int(digits)


CARRIER = Carrier(
    name="telecmi",
    roles=frozenset({Role.ANSWER}),
    settings=TelecmiSettings(),
    new_codec=TelecmiCodec,
    documentation="https://doc.telecmi.com/piopiy/docs/ai-streaming",
    form=PayloadForm.BASE64,
    recovery=Recovery.WAIT,
    clears=True,
    hangs_up=True,
    transfers=True,
)
