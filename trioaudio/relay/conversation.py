"""What an application's messages mean for its call: messages and events in, commands out.

Documented: https://www.twilio.com/docs/voice/conversationrelay/websocket-messages
A talk cycle is one answer of the application: tokens up to the one with `last`. Preemptible
speech is stopped by the next cycle or recording, not by its own further tokens.

Inferred, since the page does not say it: the tokens of a cycle that was cut are dropped up to its
`last`, as an application may send them before it knows, or without caring; a pause between tokens
ends that too, since an application that did stop never sends `last`.
"""

from __future__ import annotations

from collections import deque
from typing import Final, TypeAlias, assert_never

import attrs

from trioaudio.api.commands import (
    Append,
    CallCommand,
    Close,
    Dtmf,
    HangUp,
    Play,
    Say,
    Stop,
)
from trioaudio.api.events import Event, UtteranceCompleted, UtteranceStarted
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.shapes import Interruptible
from trioaudio.api.views import Accepted, Reply
from trioaudio.core.errors import TrioaudioError
from trioaudio.relay.loops import Loop, Loops, times
from trioaudio.relay.messages import (
    EndMessage,
    ErrorMessage,
    LanguageMessage,
    PlayMessage,
    SendDigitsMessage,
    TextMessage,
    interruptible_of,
)
from trioaudio.relay.pending import STREAM_GAP_S, Arrived
from trioaudio.relay.terms import RelayTerms

_MOST_STOPPED: Final = 1000
_REMEMBERED: Final = 64
_LONGEST: Final = 20_000
"""Characters after which an answer goes on in another utterance, lest it reach a call's limit."""
_ANY_LANGUAGE: Final = "multi"
_OVER: Final = frozenset({RequestFault.ENDED, RequestFault.NOT_FOUND, RequestFault.CONFLICT})
_NO_RECOGNITION: Final = (
    "transcriptionLanguage is not covered: this platform has no speech recognition, and sends"
    " no prompt messages"
)


@attrs.frozen
class Step:
    """A command to be given, and what its answer is needed for."""

    command: CallCommand
    preemptible: bool = False
    loop: Loop | None = None


Consequence: TypeAlias = Step | ErrorMessage
_Style: TypeAlias = tuple[Interruptible, bool, str | None]
"""What tokens must have in common to be one utterance: the last two, preemptible and language."""


@attrs.define(eq=False)
class Conversation:
    """One application's side of one call. `answered` or `refused` follows every step."""

    terms: RelayTerms
    _language: str | None = None
    _open: int | None = None
    """The utterance tokens are appended to."""
    _style: _Style | None = None
    _length: int = 0
    """Characters of it."""
    _said: int | None = None
    """The newest utterance of the cycle."""
    _in_cycle: bool = False
    _preemptible: set[int] = attrs.field(factory=set)
    _loops: Loops = attrs.field(factory=Loops)
    _cut_at: float | None = None
    _dropping_since: float | None = None
    """When the last token of a cut cycle came; None: tokens are said."""
    _lately_over: deque[int] = attrs.field(factory=lambda: deque[int](maxlen=_REMEMBERED))
    _recognition_asked: bool = False

    # --- The application said ------------------------------------------------------------

    def obey(self, arrived: Arrived) -> list[Consequence]:
        """Return what follows from a message."""
        match arrived.message:
            case TextMessage() as message:
                return self._say(message, arrived)
            case PlayMessage() as message:
                return self._play(message, arrived)
            case SendDigitsMessage(digits=digits):
                return [*self._closed(), Step(Dtmf(digits=digits))]
            case LanguageMessage() as message:
                return self._speak_in(message)
            case EndMessage():
                self._loops.forget_all()
                return [*self._closed(), Step(HangUp(when=self.terms.end))]
            case never:
                assert_never(never)

    def fell_quiet(self) -> list[Consequence]:
        """Return what follows when no message comes for a while: the text so far is all.

        Else the end of an application's answer that has no `last` would never be spoken, and an
        utterance that says nothing would be there to be interrupted.
        """
        return self._closed()

    def _say(self, message: TextMessage, arrived: Arrived) -> list[Consequence]:
        style = (
            interruptible_of(message.interruptible, self.terms.interruptible),
            self._is_preemptible(message),
            self._language if message.lang is None else _spoken(message.lang),
        )
        last = bool(message.last)
        if self._is_cut(arrived, style[0], last=last):
            return self._closed()
        steps: list[Consequence] = []
        if message.token and not self._in_cycle:
            steps += self._preempt()
        if message.token and (self._style != style or self._length > _LONGEST):
            steps += self._closed()
        self._in_cycle = not last
        return [*steps, *self._spoken_on(message.token, style, last=last)]

    def _spoken_on(self, token: str, style: _Style, *, last: bool) -> list[Consequence]:
        """Append a token, or begin an utterance with it."""
        if self._open is not None:
            appended = [Step(Append(utterance=self._open, text=token))] if token else []
            self._length += len(token)
            return [*appended, *(self._closed() if last else [])]
        if not token or (last and not token.strip()):
            return []
        interruptible, preemptible, language = style
        said = Say(text=token, open=not last, language=language, interruptible=interruptible)
        return [Step(said, preemptible)]

    def _play(self, message: PlayMessage, arrived: Arrived) -> list[Consequence]:
        interruptible = interruptible_of(message.interruptible, self.terms.interruptible)
        if self._is_cut(arrived, interruptible, last=True):
            return self._closed()
        preemptible = self._is_preemptible(message)
        play = Play(url=message.source, interruptible=interruptible)
        left = times(message.loop) - 1
        loop = Loop(play, preemptible, left) if left else None
        steps = [*self._closed(), *self._preempt()]
        self._in_cycle = False
        return [*steps, Step(play, preemptible, loop)]

    def _speak_in(self, message: LanguageMessage) -> list[Consequence]:
        if message.tts_language is not None:
            self._language = _spoken(message.tts_language)
        if message.transcription_language is None or self._recognition_asked:
            return []
        self._recognition_asked = True
        return [ErrorMessage(_NO_RECOGNITION)]

    def _is_preemptible(self, message: TextMessage | PlayMessage) -> bool:
        given = message.preemptible
        return self.terms.preemptible if given is None else given

    def _closed(self) -> list[Consequence]:
        """End the open utterance's text, so that what follows is said after it."""
        if self._open is None:
            return []
        step = Step(Close(utterance=self._open))
        self._leave()
        return [step]

    def _leave(self) -> None:
        self._open = self._style = None
        self._length = 0

    def _preempt(self) -> list[Consequence]:
        """Stop what further text or media shall stop."""
        if not self._preemptible:
            return []
        stopped = sorted(self._preemptible)[-_MOST_STOPPED:]
        self._preemptible.clear()
        self._loops.forget(stopped)
        return [Step(Stop(utterances=stopped))]

    def _is_cut(self, arrived: Arrived, interruptible: Interruptible, *, last: bool) -> bool:
        """Say whether a message is of what the callee has cut already, and is dropped."""
        cut, since = self._cut_at, self._dropping_since
        came_before = cut is not None and arrived.at < cut and interruptible != "never"
        goes_on = (
            isinstance(arrived.message, TextMessage)
            and since is not None
            and arrived.at - since < STREAM_GAP_S
        )
        if since is not None:
            self._in_cycle = False
        self._dropping_since = None
        if not (came_before or goes_on):
            return False
        self._in_cycle = not last
        if not last:
            self._dropping_since = max(arrived.until, since or 0.0, cut or 0.0)
        return True

    # --- The call answered ---------------------------------------------------------------

    def answered(self, step: Step, reply: Reply, now: float) -> list[Consequence]:
        """Note what a step led to; `now` is on the clock of `Arrived`."""
        if not isinstance(reply, Accepted):
            return []
        number = reply.utterance
        over = number in self._lately_over
        if step.preemptible and not over:
            self._preemptible.add(number)
        said = step.command
        if isinstance(said, Say):
            self._said = number
            if over:
                self._drop_the_rest(now)
            elif said.open:
                self._open = number
                self._style = (said.interruptible, step.preemptible, said.language)
                self._length = len(said.text)
        return [] if step.loop is None else _again(self._loops.accepted(step.loop, number))

    def refused(self, step: Step, error: TrioaudioError, now: float) -> ErrorMessage | None:
        """Note that a step was not taken; returns what the application is told."""
        fault = error.fault if isinstance(error, RequestError) else None
        match step.command:
            case Stop() | Close():
                return None  # it was over already
            case Append() if fault in _OVER:
                self._leave()
                self._drop_the_rest(now)
                return None
            case Say():
                self._drop_the_rest(now)  # each further token would be refused and told, too
            case _:
                pass
        return None if fault is RequestFault.ENDED else ErrorMessage(str(error))

    def _drop_the_rest(self, now: float) -> None:
        if self._in_cycle:
            self._dropping_since = now

    # --- It happened on the call ---------------------------------------------------------

    def happened(self, event: Event, now: float) -> list[Consequence]:
        """Return what follows from an event; `now` is on the clock of `Arrived`."""
        match event:
            case UtteranceStarted(utterance=number):
                return _again(self._loops.started(number))
            case UtteranceCompleted(utterance=number, cause=cause):
                self._completed(number, now, cut=cause == "barge-in", normally=cause == "normal")
            case _:
                pass
        return []

    def _completed(self, number: int, now: float, *, cut: bool, normally: bool) -> None:
        self._lately_over.append(number)
        self._preemptible.discard(number)
        self._loops.completed(number, normally=normally)
        if cut:
            self._cut_at = now
        if number == self._open:
            self._leave()
        if not normally and number == self._said and self._open is None:
            self._drop_the_rest(now)


def _spoken(language: str) -> str | None:
    """Return a language to ask an engine for; which one a text is in, none is asked."""
    return None if language == _ANY_LANGUAGE else language


def _again(loop: Loop | None) -> list[Consequence]:
    return [] if loop is None else [Step(loop.repetition, loop.preemptible, loop)]
