"""One call's place in a process: the call itself, and all that its connections are made of."""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import attrs

from trioaudio.core.carrier import Transport
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.simulators.agenda import Agenda
from trioaudio.simulators.arrivals import Arrivals
from trioaudio.simulators.call import SimulatedCall, Tell
from trioaudio.simulators.callee import Callee, Measure, measure
from trioaudio.simulators.conversation import Conversation
from trioaudio.simulators.dialect import CallFacts
from trioaudio.simulators.faults import Strikes, Switch
from trioaudio.simulators.flow import flow_control
from trioaudio.simulators.marks import Acknowledgements
from trioaudio.simulators.options import Options
from trioaudio.simulators.playout import Playout
from trioaudio.simulators.script import Wire, script
from trioaudio.simulators.timetable import Occurrence
from trioaudio.wav_file import WavFile


@attrs.define(eq=False)
class Place:
    """The `number`-th call, counted from 1, and its file, if it writes one."""

    number: int
    options: Options
    call: SimulatedCall
    wav: WavFile | None
    file: Path | None
    strikes: Strikes
    events: Agenda[Occurrence] = attrs.field(factory=Agenda)
    path: str | None = None
    """By which it was dialled last, if it was: who comes again comes by the same path."""

    def facts(self) -> CallFacts:
        """Return what a new connection's dialect is told: the stream is new, the call is not."""
        return self.options.facts(new_id(), self.call.call_id)

    def conversation(self, facts: CallFacts, wire: Wire) -> Conversation:
        """Return the conversation of a new connection."""
        options = self.options
        return Conversation(
            call=self.call,
            dialect=options.kind.new(facts),
            script=script(
                media=options.media,
                audio=options.audio,
                interval=options.caller_ptime_ms / 1000,
                faults=options.faults,
                timetable=options.timetable,
            ),
            strikes=self.strikes,
            events=self.events,
            wire=wire,
        )

    def become(self, url: str) -> None:
        """Take over the id in a URL, where it is all a call is known by: AudioSocket's."""
        if self.options.kind.transport is Transport.AUDIOSOCKET:
            given = urlsplit(url).path.strip("/")
            if given:
                self.call.call_id = given


def new_place(options: Options, number: int, wav: WavFile | None, tell: Tell) -> Place:
    """Return the place of a call that has not begun; `wav` is where its callee is recorded."""
    rate = options.media.sample_rate
    callee = Callee(wav, measured(options.media))
    call = SimulatedCall(
        dialect=options.kind.name,
        call_id=new_id(),
        media=options.media,
        pcm=options.pcm,
        decode=decoder(options.media),
        arrivals=Arrivals(rate, options.lead_ms / 1000, options.pcm.frame_samples),
        callee=callee,
        playout=Playout(rate, callee, options.jitter_ms / 1000),
        marks=Acknowledgements(options.faults, random.Random(options.seed + number)),
        flow=flow_control(options.kind.backlog, rate),
        tell=tell,
        plays=not options.faults.has(Switch.REJECT_SILENTLY),
    )
    return Place(number, options, call, wav, options.file(number), Strikes(options.faults))


def decoder(media: MediaFormat) -> Callable[[bytes], bytes]:
    """Return what makes PCM16 LE of audio on the wire."""
    if media.encoding is Encoding.PCM16:
        return _as_it_is
    # Brings numpy, and half a second with it: before a call begins, and only where it is needed.
    from trioaudio.core.payload import decode  # noqa: PLC0415

    return lambda audio: decode(audio, media.encoding)


def measured(media: MediaFormat) -> Measure:
    """Return what measures PCM: with numpy where it is there anyway, see `decoder`."""
    if media.encoding is Encoding.PCM16:
        return measure
    from trioaudio.simulators.fast_measure import measure_fast  # noqa: PLC0415

    return measure_fast


def new_id() -> str:
    """Return a random UUID."""
    return str(uuid.UUID(bytes=os.urandom(16), version=4))


def _as_it_is(audio: bytes) -> bytes:
    return audio
