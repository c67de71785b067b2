"""How an event is shown to a person: one line, and nothing in it that steers the terminal."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from trioaudio.api import events
from trioaudio.api.events import Event

_RED, _GREEN, _YELLOW, _CYAN, _DIM = "31", "32", "33", "36", "2"
_COLOURS: Final = {
    "call.started": _CYAN,
    "call.answered": _GREEN,
    "call.lost": _RED,
    "call.returned": _GREEN,
    "call.ended": _CYAN,
    "marker": _DIM,
    "text.paused": _DIM,
    "text.resumed": _DIM,
    "utterance.accepted": _DIM,
    "underrun": _YELLOW,
    "dtmf": _YELLOW,
    "failover": _RED,
    "control.failed": _RED,
}


def shown(text: str) -> str:
    """Return a text others have written, with what is no character to be seen escaped."""
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)


def line_of(event: Event, *, colour: bool) -> str:
    """Return an event as a line, without its end."""
    name = str(event.__struct_config__.tag)
    at = datetime.fromtimestamp(event.at).astimezone()
    told = shown(told_of(event))
    head = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}  {shown(event.call)}  "
    if colour and name in _COLOURS:
        name = f"\x1b[{_COLOURS[name]}m{name:19}\x1b[0m"
    return f"{head}{name:19}  {told}".rstrip()


def told_of(event: Event) -> str:  # noqa: C901, PLR0912  a case an event
    """Return what happened, as it was written: not fit for a terminal yet."""
    match event:
        case events.CallStarted():
            whom = f" to {event.to}" if event.to else ""
            return f"{event.carrier}{whom}"
        case events.CallAnswered():
            return f"from {event.peer}"
        case events.CallLost():
            return f"{event.reason}; waits {event.seconds:g} s"
        case events.CallReturned():
            return f"from {event.peer}, after {event.gap_ms:.0f} ms"
        case events.CallEnded():
            return f"{event.cause}: {event.reason}"
        case events.UtteranceAccepted():
            return f"{event.utterance}, {event.position} before it"
        case events.UtteranceStarted():
            return f"{event.utterance}, after {event.first_frame_ms:.0f} ms"
        case events.Marker():
            where = "" if event.utterance is None else f"{event.utterance} at {event.start}: "
            return f"{where}{event.name or event.text or ''}"
        case events.UtteranceCompleted():
            return _completed(event)
        case events.TextPaused() | events.TextResumed():
            return f"{event.utterance}, {event.waiting} characters wait"
        case events.UnderrunBegan():
            return f"a gap of {event.gap_ms:.0f} ms"
        case events.DtmfCame():
            return event.digit
        case events.Failover():
            return f"{event.utterance}: {event.by} for {event.failed}: {event.reason}"
        case events.ControlFailed():
            return f"{event.what}: {event.reason}"
        case events.RecordingDone():
            return event.error or event.wav


def _completed(event: events.UtteranceCompleted) -> str:
    why = f"{event.cause}: {event.error}" if event.error else event.cause
    heard = f"heard {event.text_heard!r}" if event.text_heard else "nothing heard"
    return f"{event.utterance}, {why}, {heard}"
