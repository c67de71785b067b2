"""What the server answers: calls, utterances, the node, and what was done."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from trioaudio.api.shapes import (
    CallCause,
    CallState,
    Cause,
    Certainty,
    Interruptible,
    UtteranceState,
    View,
)


class UtteranceView(View):
    """One utterance. Times are seconds since 1970, None until they happened."""

    utterance: int
    kind: Literal["text", "recording", "mark", "tones"]
    state: UtteranceState
    interruptible: Interruptible
    priority: int
    open: bool
    """Whether more text may be appended."""
    accepted_at: float
    first_frame_at: float | None
    played_at: float | None
    completed_at: float | None
    cause: Cause | None
    error: str | None
    certainty: Certainty | None
    played_ms: float
    characters: int
    text_heard: str
    text_unheard: str
    spoken_by: list[str]
    """The engines that spoke it, in order."""


class SayingView(View):
    """What is being heard of an utterance: the text round the place where it is."""

    utterance: int
    text: str
    """At most 300 characters; of a recording or a mark, empty."""
    begin: int
    """Characters of the utterance's text before these."""
    heard: int
    """Characters of the utterance's text heard so far."""
    characters: int
    """Of the utterance's text, as far as it is known."""
    spoken_by: list[str]
    """The engines that spoke it, in order."""


class CallView(View):
    """One call. Times are seconds since 1970, None until they happened."""

    call: str
    state: CallState
    carrier: str
    carrier_call_id: str | None
    stream_id: str | None
    to: str | None
    caller_id: str | None
    created_at: float
    answered_at: float | None
    ended_at: float | None
    cause: CallCause | None
    reason: str | None
    """One line about the cause, for people."""
    sample_rate: int
    encoding: str
    peer: str | None
    media_url: str | None
    """What an expected call's carrier has to dial; shown to operators only, once it is made."""
    speaking: bool
    paused: bool
    speaking_until: float | None
    """When the last sound sent will have been played; None when nothing is being heard."""
    utterances: int
    """Accepted so far."""
    waiting: int
    """Of these, not complete."""
    lead_ms: float
    """Sound at the carrier, not played yet."""
    underruns: int
    frames_sent: int
    lateness_p99_ms: float | None
    recording: bool
    traceparent: str | None
    labels: dict[str, str]
    saying: SayingView | None = None
    """What is being heard; told by a list of calls asked for with `saying=true`, else null."""


class NodeView(View):
    """The process itself."""

    version: str
    state: Literal["starting", "ready", "full", "draining"]
    reason: str | None
    started_at: float
    calls: int
    calls_most: int
    calls_total: int
    cpu: float
    """Of one core, over the last seconds."""
    lateness_p99_ms: float | None
    carriers: list[str]
    engines: list[str]
    media_urls: list[str]


class EngineView(View):
    """An engine of the node's chain."""

    engine: str
    position: int
    embedded: bool
    resting: bool
    """Not asked for a while, since it failed."""


class VoiceView(View):
    """A voice an engine has."""

    engine: str
    voice: str
    languages: list[str]
    gender: str | None
    description: str


class CarrierView(View):
    """A carrier the node takes calls of."""

    carrier: str
    media_path: str
    sample_rates: list[int]
    encodings: list[str]
    dials_us: bool
    is_dialled: bool
    clears: bool
    marks: bool
    hangs_up: bool
    transfers: bool
    places: bool
    """Whether calls can be placed by its REST interface with the node's credentials."""
    answers: bool
    """Whether there is an answer webhook for it."""


class PromptView(View):
    """A prompt made ahead of time."""

    prompt: str
    """What `play` takes."""
    made: bool
    """False: it was there."""
    audio_ms: float
    text: str


# --- What was done -----------------------------------------------------------------------


class Done(View, tag_field="did", tag="done"):
    """It was done, and there is no more to say about it."""


class Accepted(View, tag_field="did", tag="accepted"):
    """An utterance was accepted."""

    utterance: int
    position: int
    """How many are to be completed before it."""
    eta_ms: float | None
    """When it is likely to begin; None when what is before it has no known end."""


class TextTaken(View, tag_field="did", tag="text-taken"):
    """Text was appended."""

    utterance: int
    characters: int
    """Accepted in all."""
    waiting: int
    """Of these, not given to an engine yet."""
    paused: bool
    """Whether the author should wait for `text.resumed`."""


class Dropped(View, tag_field="did", tag="dropped"):
    """Utterances were cut."""

    utterances: list[int]
    frames: int
    """Dropped unsent."""


class Prepared(View, tag_field="did", tag="prepared"):
    """Prompts are ready."""

    prompts: list[PromptView]


Reply: TypeAlias = Done | Accepted | TextTaken | Dropped | Prepared


# --- The stream --------------------------------------------------------------------------


class Problem(View):
    """What went wrong: RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    retry_after_s: float | None = None
    errors: list[dict[str, Any]] | None = None
    """Each with `field` and `problem`."""


class Answer(View, tag_field="kind", tag="answer"):
    """The answer to a request on the stream; one of `reply`, `call` and `problem` is there."""

    ref: str
    reply: Reply | None = None
    call: CallView | None = None
    problem: Problem | None = None


class Cut(View, tag_field="kind", tag="cut"):
    """The stream is closed after this: the client did not read its events."""

    reason: str
    lost: int
    """Events it was not told."""
