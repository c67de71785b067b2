"""What a fake daemon shows: whole views with nothing real in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from trioaudio.api import shapes, views
from trioaudio.api.requests import NewCall


def carrier_views(carriers: Iterable[str]) -> list[views.CarrierView]:
    """Return carriers that can do everything."""
    return [
        views.CarrierView(
            carrier=name,
            media_path=f"/{name}",
            sample_rates=[8000],
            encodings=["pcm16"],
            dials_us=True,
            is_dialled=True,
            clears=True,
            marks=True,
            hangs_up=True,
            transfers=True,
            places=True,
            answers=True,
        )
        for name in carriers
    ]


def new_utterance_view(
    number: int,
    text: str,
    interruptible: shapes.Interruptible,
    priority: int,
    accepted_at: float,
    *,
    is_open: bool,
    kind: Literal["text", "recording", "mark", "tones"] = "text",
) -> views.UtteranceView:
    """Return an utterance that was just accepted."""
    return views.UtteranceView(
        utterance=number,
        kind="text",
        state="queued",
        interruptible=interruptible,
        priority=priority,
        open=is_open,
        accepted_at=accepted_at,
        first_frame_at=None,
        played_at=None,
        completed_at=None,
        cause=None,
        error=None,
        certainty=None,
        played_ms=0.0,
        characters=len(text),
        text_heard="",
        text_unheard=text,
        spoken_by=[],
    )


def new_call_view(
    wanted: NewCall,
    call: str,
    carrier: str,
    media_url: str | None,
    traceparent: str | None,
    created_at: float,
) -> views.CallView:
    return views.CallView(
        call=call,
        state="placing" if media_url is None else "expected",
        carrier=carrier,
        carrier_call_id=wanted.carrier_call_id,
        stream_id=None,
        to=wanted.to,
        caller_id=wanted.caller_id,
        created_at=created_at,
        answered_at=None,
        ended_at=None,
        cause=None,
        reason=None,
        sample_rate=wanted.sample_rate or 8000,
        encoding="pcm16",
        peer=None,
        media_url=media_url,
        speaking=False,
        paused=False,
        speaking_until=None,
        utterances=0,
        waiting=0,
        lead_ms=0.0,
        underruns=0,
        frames_sent=0,
        lateness_p99_ms=None,
        recording=wanted.record,
        traceparent=traceparent,
        labels=wanted.labels,
    )


def prepared(texts: list[str]) -> views.Prepared:
    return views.Prepared(
        prompts=[
            views.PromptView(
                prompt=f"prompt-{len(text)}", made=True, audio_ms=60.0 * len(text), text=text
            )
            for text in texts
        ]
    )
