"""What a call is told to let be heard: texts, recordings, marks and keys."""

from __future__ import annotations

from collections.abc import AsyncIterable

import trio

from trioaudio.api import commands, events
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.requests import NewCall
from trioaudio.api.shapes import Then
from trioaudio.api.views import Accepted, Done, Reply, TextTaken
from trioaudio.calls.live_call import LiveCall
from trioaudio.calls.shared import Shared
from trioaudio.calls.text_feed import TextFeed
from trioaudio.calls.utterance_book import Entry, Kind
from trioaudio.core.carrier import EndStream, HangUp
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import ConfigError, LocalProtocolError, TextError, TrioaudioError
from trioaudio.core.speech import Speaker, WholeText
from trioaudio.core.text import speakable, without_controls
from trioaudio.core.utterance import Interruptible
from trioaudio.recorded_speech import RecordedSpeech, Recording, Silence, Tones, WavRecording
from trioaudio.utterances import Order

_NOTHING = WholeText("")


async def order_sound(
    live: LiveCall, command: commands.Say | commands.Play | commands.Mark | commands.Dtmf
) -> Reply:
    """Queue something to be heard."""
    if live.leaving is not None:
        raise RequestError(
            RequestFault.CONFLICT, f"a {live.leaving} was asked for: nothing is said after that"
        )
    match command:
        case commands.Say():
            return say(live, command)
        case commands.Play():
            return await _play(live, command)
        case commands.Mark(name=name):
            return _mark(live, name)
        case commands.Dtmf(digits=digits):
            return await _press(live, digits)


# --- Sound -------------------------------------------------------------------------------


def say(live: LiveCall, wanted: commands.Say) -> Accepted:
    """Queue a text, whole or still to be written."""
    shared = live.shared
    choice = VoiceChoice(
        wanted.voice or live.wanted.voice or shared.choice.voice,
        wanted.language or live.wanted.language or shared.choice.language,
    )
    speaker = _speaker(live, wanted, choice)
    text, _ = without_controls(wanted.text)
    feed: TextFeed | None = None
    pieces: AsyncIterable[str]
    if wanted.open:
        _check_length(live, text)
        paused: list[Entry] = []
        feed = TextFeed(shared.text_limits, lambda on: _tell_backpressure(live, paused[0], on=on))
        pieces = feed
    else:
        _check_text(live, speaker, text, choice)
        pieces = WholeText(text)
        paused = []
    order = _order(wanted, pieces, choice, speaker)
    accepted, entry = _queue(live, order, "text", "" if feed else text)
    entry.words = wanted.words
    if feed is not None:
        entry.feed = feed
        paused.append(entry)
        if text:
            feed.append(text)
            entry.text = text
    return accepted


def check_voice(shared: Shared, wanted: NewCall) -> None:
    """Refuse a call whose voice or language there is not: RequestError."""
    if wanted.voice is None and wanted.language is None:
        return
    choice = VoiceChoice(
        wanted.voice or shared.choice.voice, wanted.language or shared.choice.language
    )
    try:
        shared.speech.check(choice)
    except ConfigError as exc:
        raise RequestError(RequestFault.INVALID, str(exc)) from exc


def _speaker(live: LiveCall, wanted: commands.Say, choice: VoiceChoice) -> Speaker:
    try:
        speaker = (
            live.shared.speech.ordered(wanted.engines) if wanted.engines else live.shared.speech
        )
        if choice != live.shared.choice or wanted.engines:
            speaker.check(choice)
    except ConfigError as exc:
        raise RequestError(RequestFault.INVALID, str(exc)) from exc
    return speaker


def _check_length(live: LiveCall, text: str) -> None:
    most = live.shared.text_most
    if most and len(text) > most:
        raise RequestError(
            RequestFault.INVALID, f"text: {len(text)} characters; at most {most} are said at a time"
        )


def _check_text(live: LiveCall, speaker: Speaker, text: str, choice: VoiceChoice) -> None:
    _check_length(live, text)
    if not speakable(text):
        raise RequestError(RequestFault.INVALID, "text: there is nothing in it that can be spoken")
    try:
        speaker.check_text(text, choice)
    except (ConfigError, TextError) as exc:
        raise RequestError(RequestFault.INVALID, f"text: {exc}") from exc


def _order(
    wanted: commands.Say | commands.Play,
    pieces: AsyncIterable[str],
    choice: VoiceChoice,
    speaker: Speaker,
) -> Order:
    return Order(
        pieces,
        choice,
        speaker=speaker,
        priority=wanted.priority,
        interruptible=Interruptible(wanted.interruptible),
        then=_then(wanted.then),
        tail=None if wanted.tail_ms is None else wanted.tail_ms / 1000,
        expires=None if wanted.expires_ms is None else wanted.expires_ms / 1000,
    )


def _then(then: Then | None) -> HangUp | EndStream | None:
    match then:
        case "hang-up":
            return HangUp()
        case "end-stream":
            return EndStream()
        case None:
            return None


def _queue(live: LiveCall, order: Order, kind: Kind, text: str) -> tuple[Accepted, Entry]:
    """Queue an utterance, enter it in the book, and tell."""
    try:
        said, _ = live.call.speech.order(order)
    except trio.WouldBlock:
        most = live.line.utterances_ahead
        raise RequestError(
            RequestFault.FULL,
            f"{most} utterances wait on this call, and no more may; wait until some are complete",
            retry_after_s=1.0,
        ) from None
    entry = Entry(said, kind, text)
    position = live.book.position(order.priority)
    leg = live.call.leg
    eta_ms: float | None = None
    if leg is not None and not live.call.speech.silent:
        eta_ms = live.book.eta_ms(said, leg.heard_until)
    live.book.add(entry)
    if live.shared.hub.wanted(live.id, "utterance.accepted"):
        live.tell(
            events.UtteranceAccepted(
                call=live.id,
                at=live.shared.clock.now(),
                utterance=entry.id,
                position=position,
                eta_ms=eta_ms,
            )
        )
    return Accepted(utterance=entry.id, position=position, eta_ms=eta_ms), entry


def _tell_backpressure(live: LiveCall, entry: Entry, *, on: bool) -> None:
    assert entry.feed is not None
    kind = events.TextPaused if on else events.TextResumed
    at = live.shared.clock.now()
    live.tell(kind(call=live.id, at=at, utterance=entry.id, waiting=entry.feed.waiting))


async def _play(live: LiveCall, wanted: commands.Play) -> Accepted:
    if (wanted.prompt is None) is (wanted.url is None):
        raise RequestError(RequestFault.INVALID, "give one of prompt and url")
    if wanted.prompt is not None:
        found = await live.shared.speech.prompt_speaker(wanted.prompt)
        if found is None:
            raise RequestError(
                RequestFault.NOT_FOUND, f"there is no prompt {wanted.prompt}; precache it first"
            )
        speaker: Speaker = found
    else:
        assert wanted.url is not None
        speaker = recorded(await _fetch(live, wanted.url), None)
    return play_speaker(live, wanted, speaker)


async def _fetch(live: LiveCall, url: str) -> bytes:
    fetch = live.shared.fetch
    if fetch is None:
        raise RequestError(
            RequestFault.FORBIDDEN,
            "no URL may be played; set TRIOAUDIO_URL_ALLOW to those that may",
        )
    try:
        return await fetch(url)
    except ConfigError as exc:
        raise RequestError(RequestFault.FORBIDDEN, str(exc)) from exc
    except TrioaudioError as exc:
        raise RequestError(RequestFault.INVALID, f"url: {exc}") from exc


def recorded(audio: bytes, sample_rate: int | None) -> Speaker:
    """Return what plays a recording: WAV, or bare PCM16 LE mono at a rate. RequestError."""
    try:
        if sample_rate is None:
            return RecordedSpeech(WavRecording(audio))
        return RecordedSpeech(Recording(audio, sample_rate))
    except TrioaudioError as exc:
        raise RequestError(RequestFault.INVALID, f"the recording cannot be played: {exc}") from exc


def play_speaker(live: LiveCall, wanted: commands.Play, speaker: Speaker) -> Accepted:
    """Queue a recording."""
    if live.leaving is not None:
        raise RequestError(
            RequestFault.CONFLICT, f"a {live.leaving} was asked for: nothing is said after that"
        )
    order = _order(wanted, _NOTHING, VoiceChoice(), speaker)
    return _queue(live, order, "recording", "")[0]


def _mark(live: LiveCall, name: str) -> Accepted:
    if live.book.is_marked(name):
        raise RequestError(
            RequestFault.CONFLICT, f"a mark {name!r} waits to be played; give this one another name"
        )
    order = Order(_NOTHING, speaker=Silence(), interruptible=Interruptible.ANY, name=name)
    return _queue(live, order, "mark", name)[0]


async def _press(live: LiveCall, digits: str) -> Reply:
    """Have the carrier press keys, or make tones where it has no message for that."""
    try:
        await live.call.press(digits)
    except LocalProtocolError:
        order = Order(_NOTHING, speaker=Tones(digits), interruptible=Interruptible.ANY)
        return _queue(live, order, "tones", digits)[0]
    return Done()


# --- Open utterances ---------------------------------------------------------------------


def write_on(
    live: LiveCall, command: commands.Append | commands.Flush | commands.Close
) -> TextTaken:
    """Go on with an open utterance's text, or end it."""
    entry, feed = live.book.find_open(command.utterance)
    match command:
        case commands.Append(text=given):
            text, _ = without_controls(given)
            most = live.shared.text_most
            if most and feed.characters + len(text) > most:
                raise RequestError(
                    RequestFault.FULL,
                    f"an utterance has at most {most} characters; close it and say another one",
                )
            feed.append(text)
            entry.text += text
        case commands.Flush():
            feed.flush()
        case commands.Close():
            if feed.closed:
                raise RequestError(RequestFault.CONFLICT, "the utterance's text is closed already")
            feed.close()
    return TextTaken(
        utterance=entry.id,
        characters=feed.characters,
        waiting=feed.waiting,
        paused=feed.paused,
    )
