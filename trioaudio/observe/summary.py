"""The report of a run: what was sent beside what the carrier received, and one sentence on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from trioaudio.observe.figures import (
    MISSING,
    Values,
    counted,
    milliseconds,
    number,
    part,
    spread_figures,
    whole,
    words,
)
from trioaudio.observe.finding import carrier_measured, carrier_name, finding, troubles

if TYPE_CHECKING:
    from rich.console import RenderableType


_NARROW = 64  # below it three figures in a cell do not fit twice


@attrs.frozen
class Row:
    """One measurement: ours, the carrier's."""

    label: str
    sent: str
    received: str = MISSING


def summary_lines(report: Values) -> list[str]:
    """Return the summary in plain ASCII, aligned, for where there is no terminal."""
    rows = _rows(report)
    labels = max(len(row.label) for row in rows)
    head, received = "sent", ""
    if carrier_measured(report):
        received = _received_head(report)
    width = max(len(head), *(len(row.sent) for row in rows))
    lines = [_subject(report), f"{'':{labels}}  {head:{width}}  {received}"]
    for row in rows:
        cell = row.received if received else ""
        lines.append(f"{row.label:{labels}}  {row.sent:{width}}  {cell}")
    return [line.rstrip() for line in [*lines, finding(report)] if line.strip()]


def summary_table(report: Values, width: int = 80) -> RenderableType:
    """Return the summary for a terminal of a width."""
    from rich.console import Group  # noqa: PLC0415  # only the drawing process pays for it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    both, narrow = carrier_measured(report), width < _NARROW
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", style="dim", no_wrap=True)
    table.add_column("sent", overflow="fold")
    if both:
        table.add_column(_received_head(report, narrow=narrow), overflow="fold")
    for row in _rows(report, narrow=narrow):
        table.add_row(row.label, *([row.sent, row.received] if both else [row.sent]))
    flawed = bool(troubles(report)) or not whole(report, "frames")
    sentence = Text(finding(report), style="yellow" if flawed else "green")
    subject = _subject(report)
    return Group(*([Text(subject, style="bold")] if subject else []), table, sentence)


def _subject(report: Values) -> str:
    by = " ".join(filter(None, (words(report, "engine"), words(report, "voice"))))
    characters, audio = whole(report, "text_characters"), number(report, "audio_ms")
    rate = whole(report, "sample_rate")
    said = [] if characters is None else [counted(characters, "character")]
    if audio is not None:
        said.append(f"{audio / 1000:.2f} s of audio" + (f" at {rate} Hz" if rate else ""))
    return ": ".join(filter(None, (by, ", ".join(said))))


def _received_head(report: Values, *, narrow: bool = False) -> str:
    return "received" if narrow else f"received by {carrier_name(report)}"


def _rows(report: Values, *, narrow: bool = False) -> list[Row]:
    carrier = part(report, "carrier")
    shell = number(report, "shell_to_first_frame_ms")
    return [
        Row("frames", _count(report, "frames"), _count(carrier, "frames")),
        Row("bytes each", _count(report, "frame_bytes"), _bytes_each(carrier)),
        Row("first frame", milliseconds(number(report, "first_frame_ms"))),
        *([] if shell is None else [Row("from the shell", milliseconds(shell))]),
        *_spread_rows(report, "spacing", narrow=narrow),
        *_spread_rows(report, "lateness", narrow=narrow),
        Row("drift", *(milliseconds(number(side, "drift_ms")) for side in (report, carrier))),
        Row("gaps", _gaps(report), _count(carrier, "dry_count")),
        *_rare(report),
    ]


def _count(values: Values, key: str) -> str:
    value = whole(values, key)
    return MISSING if value is None else str(value)


def _bytes_each(carrier: Values) -> str:
    frames, length = whole(carrier, "frames"), whole(carrier, "bytes")
    if not frames or length is None:
        return MISSING
    each, rest = divmod(length, frames)
    return f"{length / frames:.1f} on average" if rest else str(each)


def _spread_rows(report: Values, what: str, *, narrow: bool) -> list[Row]:
    sides = (report, part(report, "carrier"))
    if not narrow:
        return [Row(f"{what} p50 p99 max", *(_spread(side, f"{what}_ms") for side in sides))]
    return [
        Row(
            f"{what} {name}",
            *(milliseconds(number(part(side, f"{what}_ms"), name)) for side in sides),
        )
        for name in ("p50", "p99", "max")
    ]


def _spread(values: Values, key: str) -> str:
    figures = spread_figures(values, key)
    return MISSING if figures == (MISSING,) * 3 else f"{' '.join(figures)} ms"


def _gaps(report: Values) -> str:
    underruns, length = whole(report, "underruns"), number(report, "underrun_ms")
    if underruns and length is not None:
        return f"{underruns} ({milliseconds(length)})"
    return _count(report, "underruns")


def _rare(report: Values) -> list[Row]:
    """Rows only when there is something to tell."""
    return [
        Row(label, str(count))
        for label, key in (
            ("resyncs", "resyncs"),
            ("flushed", "flushed"),
            ("expired", "expired"),
            ("reconnects", "reconnects"),
        )
        if (count := whole(report, key))
    ]
