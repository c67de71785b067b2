"""The page of one call."""

from __future__ import annotations

from trioaudio.dashboard.cells import Line, Span, clean
from trioaudio.dashboard.columns import Sight, clock, lateness_style, spark, state_of
from trioaudio.dashboard.nodes import CallRow, Node
from trioaudio.dashboard.spoken import whole_text

LABEL_WIDTH = 12


def call_page(node: Node, row: CallRow, width: int, room: int, sight: Sight) -> list[Line]:
    """Return what is known of a call, at most `room` lines, the most telling first."""
    view = row.view
    word, style = state_of(row)
    since = clock(sight.wall - (view.answered_at or view.created_at))
    lines: list[Line] = [
        (),
        ((f" call {clean(view.call)}", "title"), (f"  {sight.glyphs.dot} {word}", style)),
        (),
        _fact("number", f"{view.to or '-'}    from {view.caller_id or '-'}"),
        _fact("carrier", f"{view.carrier}    {view.encoding} at {view.sample_rate} Hz"),
        _fact("up", since if view.answered_at else f"not yet; asked for {since} ago"),
        _fact("lead", f"{view.lead_ms:.0f} ms of sound at the carrier"),
        _lateness(row, sight),
        _fact("gaps", str(view.underruns), "bad" if view.underruns else ""),
        _fact("utterances", f"{view.utterances}, of which {view.waiting} wait or are being said"),
        _fact("engine", row.engine or "-"),
    ]
    said = whole_text(row, max(4, width - 4), sight.now, max(1, room - len(lines) - 10))
    if said:
        saying = view.saying
        assert saying is not None
        where = f"{row.heard(sight.now)} of {saying.characters} characters heard"
        lines += [(), (((f" utterance {saying.utterance}"), "title"), (f"  {where}", "dim")), ()]
        lines += [(("  ", ""), *line) for line in said]
    lines += [
        (),
        _fact("daemon", node.name),
        _fact("peer", view.peer or "-"),
        _fact("carrier id", f"{view.carrier_call_id or '-'}    stream {view.stream_id or '-'}"),
        _fact("frames", f"{view.frames_sent} of 60 ms sent"),
        _fact("recording", "yes" if view.recording else "no"),
        _fact("labels", ", ".join(f"{key}={value}" for key, value in view.labels.items()) or "-"),
        _fact("trace", view.traceparent or "-"),
    ]
    return lines


def _fact(label: str, value: str, style: str = "") -> Line:
    return ((f"  {label:{LABEL_WIDTH}}", "dim"), (clean(value), style))


def _lateness(row: CallRow, sight: Sight) -> Line:
    label: Span = (f"  {'late p99':{LABEL_WIDTH}}", "dim")
    value = row.view.lateness_p99_ms
    if value is None:
        return (label, ("-", "dim"))
    return (
        label,
        (f"{value:.2f} ms  ", lateness_style(value)),
        (spark(row.late.minute(60, sight.now), sight.glyphs), "spark"),
    )
