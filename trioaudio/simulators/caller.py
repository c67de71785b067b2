"""What the carrier sends: the text message about the call, and the caller's audio."""

from __future__ import annotations

import itertools
import json
import math
import os
import struct
import uuid
from collections.abc import Awaitable, Callable

import attrs
import trio

from trioaudio.core.pcm import PcmFormat, silence
from trioaudio.simulators.dialect import Message
from trioaudio.simulators.options import Caller, Dialect, MetadataKind, MetadataWhen, Options

CARRIER_PTIME_MS = 20
"""The duration of one message of caller audio, as telephone gateways have it."""
# Twenty times real time is a flood to a reader, and still leaves the machine to it.
_FLOOD = 20
_BIG_BYTES = 10_000_000
_TONE_HZ = 400  # whole periods in 20 ms, so that one frame repeats without a click
_TONE_PEAK = 8000


@attrs.frozen
class CallerScript:
    """What is sent on one connection."""

    before: tuple[Message, ...]
    frame: bytes | None
    """Caller audio, the same again and again; None sends none."""
    interval: float
    """Seconds between frames."""
    frames_at_once: int
    after: tuple[Message, ...]
    """Follows the first frame."""


def script(options: Options) -> CallerScript:
    """Return what this carrier sends on a new connection."""
    ptime_ms = CARRIER_PTIME_MS if options.dialect is Dialect.TELECMI else options.pcm.ptime_ms
    metadata = _metadata(options.metadata)
    before = metadata if options.metadata_when is MetadataWhen.BEFORE else ()
    big: tuple[Message, ...] = (bytes(_BIG_BYTES),) if options.faults.big_message else ()
    return CallerScript(
        before=before + big,
        frame=_frame(options.caller, PcmFormat(options.pcm.sample_rate, ptime_ms)),
        interval=ptime_ms / 1000,
        frames_at_once=_FLOOD if options.faults.flood else 1,
        after=metadata if options.metadata_when is MetadataWhen.AFTER else (),
    )


async def speak(script: CallerScript, send: Callable[[Message], Awaitable[None]]) -> None:
    """Send a script: audio for ever, each frame at its own time since the beginning."""
    for message in script.before:
        await send(message)
    if script.frame is None:
        for message in script.after:
            await send(message)
        return
    epoch = trio.current_time()
    for n in itertools.count():
        await trio.sleep_until(epoch + n * script.interval)
        for _ in range(script.frames_at_once):
            await send(script.frame)
        if n == 0:
            for message in script.after:
                await send(message)


def _metadata(kind: MetadataKind) -> tuple[Message, ...]:
    call_id = str(uuid.UUID(bytes=os.urandom(16), version=4))
    match kind:
        case MetadataKind.NONE:
            return ()
        case MetadataKind.UUID:
            return (call_id,)
        case MetadataKind.JSON:
            return (json.dumps({"extra_params": {"order": "42"}, "call": call_id}),)


def _frame(caller: Caller, pcm: PcmFormat) -> bytes | None:
    match caller:
        case Caller.NONE:
            return None
        case Caller.SILENCE:
            return silence(pcm.frame_samples)
        case Caller.TONE:
            turn = 2 * math.pi * _TONE_HZ / pcm.sample_rate
            return struct.pack(
                f"<{pcm.frame_samples}h",
                *(round(_TONE_PEAK * math.sin(turn * n)) for n in range(pcm.frame_samples)),
            )
