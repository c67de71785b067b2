"""One sentence on a run. It says only what was measured, and whose measurement it is.

What the carrier counted confirms or contradicts what we sent; a carrier that measures nothing
for us leaves the sentence to our side alone, and the sentence shows it ("sent", "no underrun").
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.observe.figures import (
    Values,
    counted,
    decimal,
    number,
    part,
    printable,
    times,
    whole,
    words,
)

_ROUNDING_MS = 0.5  # what "60 ms apart" may hide, beyond the lateness told beside it
_DRIFT_MS = 5.0  # below it, two clocks and a short run cannot tell drift from noise


def finding(report: Values) -> str:
    """Return what the numbers say: the audio, its time, and everything that went wrong."""
    frames = whole(report, "frames") or 0
    wrong = troubles(report)
    if not frames:
        return "; ".join(["nothing was sent", *wrong])
    said = [_audio(report, frames), *_time(report)]
    if not wrong and _whole_text(report):
        said += _unbroken(report)
    return "; ".join([", ".join(said), *wrong])


def troubles(report: Values) -> list[str]:
    """Return what went wrong, each in a few words; nothing of what is merely unknown."""
    return [
        *_ending(report),
        *_gaps(report),
        *_losses(report),
        *_received(report),
    ]


def carrier_measured(report: Values) -> bool:
    """Return whether the carrier's side counted anything."""
    carrier = part(report, "carrier")
    keys = ("frames", "bytes", "drift_ms", "dry_count", "played_ms")
    spreads = (part(carrier, "lateness_ms"), part(carrier, "spacing_ms"))
    return any(number(carrier, key) is not None for key in keys) or any(
        number(spread, "max") is not None for spread in spreads
    )


def carrier_name(report: Values) -> str:
    """Return what to call the far end."""
    return words(part(report, "carrier"), "name") or "the carrier"


def _audio(report: Values, frames: int) -> str:
    size = whole(report, "frame_bytes")
    received = whole(part(report, "carrier"), "bytes")
    if size is None:
        return counted(frames, "frame") + " sent"
    if received is not None and not _difference(report, part(report, "carrier"), ""):
        return f"{counted(frames, 'frame')} of exactly {counted(size, 'byte')}"
    return f"{counted(frames, 'frame')} of {counted(size, 'byte')} sent"


def _time(report: Values) -> list[str]:
    late = _largest(report, "lateness_ms")
    said = _spacing(report, late or 0.0)
    if late is None:
        return said
    bound = math.ceil(late * 10 - 1e-6) / 10  # rounded up: the sentence must stay true
    return [*said, f"none late by more than {bound:.1f} ms" if bound > 0 else "none late"]


def _spacing(report: Values, late: float) -> list[str]:
    ptime = number(report, "ptime_ms")
    sides = [part(side, "spacing_ms") for side in (report, part(report, "carrier"))]
    medians = [p50 for side in sides if (p50 := number(side, "p50")) is not None]
    widest = _largest(report, "spacing_ms")
    if ptime is None or not medians or widest is None:
        return []
    if any(abs(median - ptime) > _ROUNDING_MS for median in medians):
        return [f"{' and '.join(map(decimal, medians))} ms apart in the median"]
    if widest - ptime > late + _ROUNDING_MS:
        return [f"{ptime:g} ms apart in the median and {decimal(widest)} ms at most"]
    return [f"{ptime:g} ms apart"]


def _largest(report: Values, key: str) -> float | None:
    sides = (part(report, key), part(part(report, "carrier"), key))
    return max((most for side in sides if (most := number(side, "max")) is not None), default=None)


def _whole_text(report: Values) -> bool:
    return words(report, "cause") in {"", "normal"}


def _unbroken(report: Values) -> list[str]:
    if whole(part(report, "carrier"), "dry_count") == 0:
        return ["no gap"]
    return ["no underrun"] if whole(report, "underruns") == 0 else []


def _ending(report: Values) -> list[str]:
    flushed = whole(report, "flushed") or 0
    cut = [] if _whole_text(report) else [f"ended early ({words(report, 'cause')})"]
    return cut + ([f"{counted(flushed, 'frame')} dropped unsent"] if flushed else [])


def _gaps(report: Values) -> list[str]:
    underruns, resyncs = whole(report, "underruns") or 0, whole(report, "resyncs") or 0
    dry = whole(part(report, "carrier"), "dry_count") or 0
    said = []
    if underruns:
        length = number(report, "underrun_ms")
        of = "" if length is None else f" of {decimal(length)} ms in all"
        said.append(f"{counted(underruns, 'gap')}{of} because the engine was too slow")
    if resyncs:
        said.append(f"the schedule moved {times(resyncs)} because this machine was too late")
    if dry:
        said.append(f"{carrier_name(report)} ran dry {times(dry)}")
    return said


def _losses(report: Values) -> list[str]:
    reconnects, expired = whole(report, "reconnects") or 0, whole(report, "expired") or 0
    said = [f"connected again {times(reconnects)}"] if reconnects else []
    if expired:
        said.append(f"{counted(expired, 'frame')} dropped because too old")
    return said


def _received(report: Values) -> list[str]:
    carrier, name = part(report, "carrier"), carrier_name(report)
    said = _difference(report, carrier, name)
    if abs(number(carrier, "drift_ms") or 0.0) >= _DRIFT_MS:
        said.append(f"{name} saw a drift of {decimal(number(carrier, 'drift_ms'))} ms")
    if abs(number(report, "drift_ms") or 0.0) >= _DRIFT_MS:
        said.append(f"a drift of {decimal(number(report, 'drift_ms'))} ms")
    errors = carrier.get("protocol_errors")
    if isinstance(errors, Sequence) and not isinstance(errors, str) and errors:
        said.append(f"{name} saw {counted(len(errors), 'protocol error')}: {_first(errors)}")
    return said


def _first(errors: Sequence[object]) -> str:
    return printable(str(errors[0]))


def _difference(report: Values, carrier: Values, name: str) -> list[str]:
    size = whole(report, "frame_bytes")
    # To the carrier, what is sent while nobody speaks is audio like any other.
    frames = (whole(report, "frames") or 0) + (whole(report, "idle_frames") or 0)
    received, length = whole(carrier, "frames"), whole(carrier, "bytes")
    if received is not None and received < frames:
        return [f"{name} received {received} of {counted(frames, 'frame')}"]
    if received is not None and received > frames:
        return [f"{name} received {counted(received, 'frame')}, {received - frames} too many"]
    if size is not None and length is not None:
        # Where a mark binds to the audio after it, a sample of silence goes with each.
        of_marks = SAMPLE_BYTES * (whole(part(carrier, "marks"), "asked") or 0)
        if not 0 <= length - frames * size <= of_marks:
            return [f"{name} received {counted(length, 'byte')}, not {frames * size}"]
    return []
