"""Transcripts of carriers' streams, as data: what came, what we send, and where it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import attrs

from trioaudio.core import carrier as carrier_module
from trioaudio.core.carrier import Carrier, CarrierCodec, Command, Message, Started, Starts
from trioaudio.core.encoding import Encoding, MediaFormat

FOLDER = Path(__file__).parent / "transcripts"


@attrs.frozen
class Step:
    """A message that came, and the names of the events it is."""

    what: str
    message: Message
    events: tuple[str, ...]


@attrs.frozen
class Sent:
    """A command, and exactly the messages it becomes."""

    command: Command
    messages: tuple[Message, ...]


@attrs.frozen
class Transcript:
    """One carrier's."""

    sources: tuple[str, ...]
    certainty: str
    media: MediaFormat
    received: tuple[Step, ...]
    sent: tuple[Sent, ...]


def _message(written: dict[str, str]) -> Message:
    return written["text"] if "text" in written else bytes.fromhex(written["hex"])


def _command(name: str, arguments: dict[str, Any]) -> Command:
    known = dict(arguments)
    if isinstance(payload := known.get("payload"), dict):
        known["payload"] = _message(payload)
    if "to" in known:
        known["to"] = tuple(known["to"])
    command: Command = getattr(carrier_module, name)(**known)
    return command


@cache
def transcript_of(name: str) -> Transcript:
    """Read a carrier's transcript."""
    written = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return Transcript(
        sources=tuple(written["sources"]),
        certainty=written["certainty"],
        media=MediaFormat(
            Encoding(written["format"]["encoding"]), written["format"]["sample_rate"]
        ),
        received=tuple(
            Step(each["what"], _message(each), tuple(each["events"]))
            for each in written["received"]
        ),
        sent=tuple(
            Sent(
                _command(each["command"], each.get("arguments", {})),
                tuple(_message(message) for message in each["messages"]),
            )
            for each in written["sent"]
        ),
    )


def opening_of(carrier: Carrier) -> Iterator[Message]:
    """Return what comes until the carrier has started the stream; nothing if it need not."""
    if carrier.starts is Starts.ON_CONNECT:
        return
    for step in transcript_of(carrier.name).received:
        yield step.message
        if Started.__name__ in step.events:
            return
    raise AssertionError(f"{carrier.name}: no Started in the transcript")


def opened_codec(carrier: Carrier) -> CarrierCodec:
    """Return a codec that may send audio, in the transcript's format."""
    codec = carrier.new_codec(carrier.settings, transcript_of(carrier.name).media)
    for message in opening_of(carrier):
        codec.receive(message)
    return codec
