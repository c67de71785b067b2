"""Messages and events in, commands out: order, talk cycles, preemption, cuts."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.api.commands import Append, CallCommand, Close, Dtmf, HangUp, Play, Say, Stop
from trioaudio.api.events import DtmfCame, UtteranceCompleted, UtteranceStarted
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.shapes import Cause
from trioaudio.api.views import Accepted, Done, Reply
from trioaudio.core.errors import TextError
from trioaudio.relay.conversation import Consequence, Conversation
from trioaudio.relay.messages import (
    ApplicationMessage,
    EndMessage,
    ErrorMessage,
    InterruptibleField,
    LanguageMessage,
    PlayMessage,
    SendDigitsMessage,
    TextMessage,
)
from trioaudio.relay.pending import STREAM_GAP_S, Arrived
from trioaudio.relay.terms import RelayTerms

URL = "https://example.com/a.wav"


@attrs.define(eq=False)
class Call:
    """Takes commands as a call would, and notes what it says in which order."""

    conversation: Conversation = attrs.field(factory=lambda: Conversation(RelayTerms()))
    commands: list[CallCommand] = attrs.field(factory=list)
    told: list[ErrorMessage] = attrs.field(factory=list)
    items: list[str] = attrs.field(factory=list)
    """In order: texts, URLs, keys."""
    open: set[int] = attrs.field(factory=set)
    over: set[int] = attrs.field(factory=set)
    accepted: int = 0
    now: float = 0.0
    refusal: Exception | None = None
    _place: dict[int, int] = attrs.field(factory=dict)

    def take(self, *messages: ApplicationMessage, gap: float = 0.0) -> list[CallCommand]:
        """Have messages obeyed; return the commands that led to."""
        before = len(self.commands)
        for each in messages:
            self.now += gap
            self.follow(self.conversation.obey(Arrived(each, self.now, self.now)))
        return self.commands[before:]

    def follow(self, consequences: Sequence[Consequence]) -> None:
        for each in consequences:
            if isinstance(each, ErrorMessage):
                self.told.append(each)
                continue
            try:
                reply = self._do(each.command)
            except (RequestError, TextError) as exc:
                told = self.conversation.refused(each, exc, self.now)
                self.told += [] if told is None else [told]
            else:
                self.commands.append(each.command)
                self.follow(self.conversation.answered(each, reply, self.now))

    def complete(self, number: int, cause: Cause = "normal") -> None:
        self.over.add(number)
        self.open.discard(number)
        event = UtteranceCompleted(
            call="c",
            at=self.now,
            utterance=number,
            cause=cause,
            error=None,
            played_ms=0.0,
            text_heard="",
            text_unheard="",
            certainty="acked",
            spoken_by=[],
        )
        self.follow(self.conversation.happened(event, self.now))

    def begin(self, number: int) -> None:
        event = UtteranceStarted(call="c", at=self.now, utterance=number, first_frame_ms=1.0)
        self.follow(self.conversation.happened(event, self.now))

    def _do(self, command: CallCommand) -> Reply:
        if self.refusal is not None:
            raise self.refusal
        match command:
            case Say(text=text, open=is_open):
                return self._accept(text, is_open=is_open)
            case Play(url=url):
                return self._accept(url or "", is_open=False)
            case Append(utterance=number, text=text):
                self._check(number)
                assert self._place[number] == len(self.items) - 1, "said before what came before"
                self.items[-1] += text
            case Close(utterance=number):
                self._check(number)
                self.open.discard(number)
            case Dtmf(digits=digits):
                self.items.append(digits)
            case _:
                pass
        return Done()

    def _accept(self, item: str, *, is_open: bool) -> Accepted:
        assert not self.open, "two open utterances"
        self.accepted += 1
        self._place[self.accepted] = len(self.items)
        self.items.append(item)
        if is_open:
            self.open.add(self.accepted)
        return Accepted(utterance=self.accepted, position=0, eta_ms=None)

    def _check(self, number: int) -> None:
        if number in self.over:
            raise RequestError(RequestFault.ENDED, f"utterance {number} is over")
        assert number in self.open, "closed twice, or never opened"


def text(
    token: str,
    *,
    last: bool | None = None,
    interruptible: InterruptibleField = None,
    preemptible: bool | None = None,
    lang: str | None = None,
) -> TextMessage:
    return TextMessage(
        token=token, last=last, interruptible=interruptible, preemptible=preemptible, lang=lang
    )


# --- Talk cycles -------------------------------------------------------------------------


def test_tokens_are_one_utterance() -> None:
    assert Call().take(text("Hello "), text("world", last=False), text("!", last=True)) == [
        Say(text="Hello ", open=True),
        Append(utterance=1, text="world"),
        Append(utterance=1, text="!"),
        Close(utterance=1),
    ]


def test_a_single_message_is_said_at_once() -> None:
    assert Call().take(text("Hello", last=True)) == [Say(text="Hello")]


@pytest.mark.parametrize("empty", ["", " "])
def test_nothing_to_say_is_not_said(empty: str) -> None:
    assert Call().take(text(empty, last=True), text("", last=False)) == []


def test_an_empty_last_token_closes_whatever_its_attributes() -> None:
    got = Call().take(text("Hello", interruptible=False), text("", last=True))
    assert got[1:] == [Close(utterance=1)]


def test_another_way_to_be_interrupted_is_another_utterance() -> None:
    assert Call().take(text("By law. ", interruptible=False), text("Now you.")) == [
        Say(text="By law. ", open=True, interruptible="never"),
        Close(utterance=1),
        Say(text="Now you.", open=True, interruptible="any"),
    ]


def test_the_terms_say_what_a_message_does_not() -> None:
    call = Call(Conversation(RelayTerms(interruptible="speech", preemptible=True)))
    got = call.take(text("a", last=True), text("b", last=True, preemptible=False))
    assert got == [
        Say(text="a", interruptible="speech"),
        Stop(utterances=[1]),
        Say(text="b", interruptible="speech"),
    ]
    assert call.take(text("c", last=True)) == [Say(text="c", interruptible="speech")]


def test_languages() -> None:
    call = Call()
    got = call.take(
        text("a", last=True, lang="de-DE"),
        LanguageMessage(tts_language="sv-SE"),
        text("b"),
        text("c", lang="en-US"),
        text("", last=True),
        LanguageMessage(tts_language="multi"),
        text("d", last=True),
        text("e", last=True, lang="multi"),
    )
    said = [each.language for each in got if isinstance(each, Say)]
    assert said == ["de-DE", "sv-SE", "en-US", None, None]


def test_no_recognition_is_told_once() -> None:
    call = Call()
    call.take(LanguageMessage(transcription_language="en"), LanguageMessage(tts_language="de"))
    call.take(LanguageMessage(tts_language="en", transcription_language="en"))
    assert len(call.told) == 1
    assert "no speech recognition" in call.told[0].description
    assert call.take(text("a", last=True)) == [Say(text="a", language="en")]


# --- Order -------------------------------------------------------------------------------


def test_keys_and_recordings_keep_their_place_among_text() -> None:
    got = Call().take(
        text("before "),
        SendDigitsMessage("12"),
        text("between "),
        PlayMessage(source=URL, interruptible="dtmf"),
        text("after", last=True),
    )
    assert got == [
        Say(text="before ", open=True),
        Close(utterance=1),
        Dtmf(digits="12"),
        Say(text="between ", open=True),
        Close(utterance=2),
        Play(url=URL, interruptible="dtmf"),
        Say(text="after"),
    ]


SAID = st.one_of(
    st.builds(
        text,
        st.sampled_from(["a", "b ", " ", "", "c."]),
        last=st.sampled_from([None, False, True]),
        interruptible=st.sampled_from([None, True, False, "dtmf"]),
        lang=st.sampled_from([None, "en", "de"]),
    ),
    st.builds(SendDigitsMessage, st.sampled_from(["1", "w#"])),
    st.just(PlayMessage(source=URL)),
    st.builds(LanguageMessage, tts_language=st.sampled_from(["en", "sv"])),
)


def wanted(messages: Sequence[ApplicationMessage]) -> str:
    parts = []
    for each in messages:
        match each:
            case TextMessage(token=token):
                parts.append(token)
            case PlayMessage(source=source):
                parts.append(source)
            case SendDigitsMessage(digits=digits):
                parts.append(digits)
            case _:
                pass
    return "".join("".join(parts).split())


@given(st.lists(SAID, max_size=40))
def test_everything_is_said_in_the_order_it_came(messages: list[ApplicationMessage]) -> None:
    call = Call()
    call.take(*messages)
    assert "".join("".join(call.items).split()) == wanted(messages)
    assert call.told == []


@given(st.lists(SAID | st.sampled_from(["cut", "fail", "end", "begin"]), max_size=40), st.data())
def test_whatever_happens_there_is_one_open_utterance_at_most(
    happenings: list[ApplicationMessage | str], data: st.DataObject
) -> None:
    """`Call` asserts it, and that nothing is appended to what is closed or behind its turn."""
    call = Call()
    for each in happenings:
        call.now += data.draw(st.sampled_from([0.0, 0.1, STREAM_GAP_S]))
        if not isinstance(each, str):
            call.take(each)
        elif each == "begin":
            call.begin(data.draw(st.integers(1, call.accepted + 1)))
        elif living := sorted(set(range(1, call.accepted + 1)) - call.over):
            causes: dict[str, Cause] = {"cut": "barge-in", "fail": "error", "end": "cancelled"}
            call.complete(data.draw(st.sampled_from(living)), causes[each])
    call.now += STREAM_GAP_S
    call.take(text("z", last=True), text("The end.", last=True))
    assert call.items[-1] == "The end."


# --- Preemption --------------------------------------------------------------------------


def test_the_next_cycle_stops_what_is_preemptible() -> None:
    call = Call()
    call.take(
        text("one ", preemptible=True),
        text("and a half. ", preemptible=True, last=True),
        SendDigitsMessage("1"),
    )
    assert call.take(text("two", last=True)) == [Stop(utterances=[1]), Say(text="two")]
    assert call.take(text("three", last=True)) == [Say(text="three")]


def test_a_recording_stops_it_too_and_is_stopped() -> None:
    call = Call()
    call.take(text("one", preemptible=True))
    assert call.take(PlayMessage(source=URL, preemptible=True)) == [
        Close(utterance=1),
        Stop(utterances=[1]),
        Play(url=URL),
    ]
    assert call.take(text("two"))[:1] == [Stop(utterances=[2])]


def test_what_is_over_is_not_stopped() -> None:
    call = Call()
    call.take(text("one", preemptible=True, last=True))
    call.complete(1)
    assert call.take(text("two", last=True)) == [Say(text="two")]


def test_a_loop_that_is_stopped_is_not_repeated() -> None:
    call = Call()
    call.take(PlayMessage(source=URL, loop=0, preemptible=True))
    call.begin(1)
    assert len(call.commands) == 2
    assert call.take(text("two", last=True))[0] == Stop(utterances=[1, 2])
    call.begin(2)
    assert call.accepted == 3


# --- Cuts --------------------------------------------------------------------------------


def test_the_rest_of_a_cut_cycle_is_dropped_up_to_its_last() -> None:
    call = Call()
    call.take(text("a long "))
    call.complete(1, "barge-in")
    assert call.take(text("story "), text("ends", last=True), gap=0.1) == []
    assert call.take(text("Yes?", last=True), gap=0.1) == [Say(text="Yes?")]


def test_a_pause_ends_a_cut_cycle() -> None:
    call = Call()
    call.take(text("a long "))
    call.complete(1, "barge-in")
    assert call.take(text("Yes?", last=True), gap=STREAM_GAP_S) == [Say(text="Yes?")]


def test_a_recording_is_not_of_a_cut_cycle() -> None:
    call = Call()
    call.take(text("a long "))
    call.complete(1, "barge-in")
    assert call.take(PlayMessage(source=URL), gap=0.1) == [Play(url=URL)]


def test_a_cut_after_the_last_token_drops_nothing() -> None:
    call = Call()
    call.take(text("a long "), text("story", last=True))
    call.complete(1, "barge-in")
    assert call.take(text("Yes?", last=True), gap=0.01) == [Say(text="Yes?")]


def test_what_came_before_the_cut_is_cut_unless_it_may_not_be() -> None:
    call = Call()
    call.take(text("one", last=True))
    before = call.now
    call.now += 1
    call.complete(1, "barge-in")
    late: list[ApplicationMessage] = [
        text("two", last=True),
        PlayMessage(source=URL),
        text("by law", last=True, interruptible=False),
    ]
    for each in late:
        call.follow(call.conversation.obey(Arrived(each, before, before)))
    assert call.items == ["one", "by law"]


def test_an_utterance_that_is_gone_before_the_news_is_no_mistake() -> None:
    call = Call()
    call.take(text("a "))
    call.over.add(1)
    call.open.clear()
    assert call.take(text("b "), text("c", last=True), text("d", last=True)) == [Say(text="d")]
    assert call.told == []


def test_an_utterance_that_is_over_before_its_number_is_known() -> None:
    call = Call()
    [step] = call.conversation.obey(Arrived(text("a ", preemptible=True), 0.0, 0.0))
    call.complete(1, "barge-in")
    assert not isinstance(step, ErrorMessage)
    reply = Accepted(utterance=1, position=0, eta_ms=None)
    assert call.conversation.answered(step, reply, 0.0) == []
    assert call.take(text("b", last=True), text("c", last=True)) == [Say(text="c")]


# --- Refusals ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (RequestError(RequestFault.INVALID, "no such voice"), "no such voice"),
        (TextError("no such script"), "no such script"),
        (RequestError(RequestFault.ENDED, "the call is over"), None),
    ],
)
def test_a_refused_cycle_is_told_once(refusal: Exception, told: str | None) -> None:
    call = Call(refusal=refusal)
    call.take(text("a "), text("b "), text("c", last=True))
    assert call.told == ([] if told is None else [ErrorMessage(told)])
    call.refusal = None
    assert call.take(text("d", last=True)) == [Say(text="d")]


def test_a_refused_token_is_told_and_the_next_is_tried() -> None:
    call = Call()
    call.take(text("a "))
    call.refusal = RequestError(RequestFault.INVALID, "no")
    call.take(text("b "))
    call.refusal = None
    assert call.told == [ErrorMessage("no")]
    assert call.take(text("c ")) == [Append(utterance=1, text="c ")]


@pytest.mark.parametrize("message", [SendDigitsMessage("1"), PlayMessage(source=URL)])
def test_other_refusals_are_told(message: ApplicationMessage) -> None:
    call = Call(refusal=RequestError(RequestFault.UNSUPPORTED, "no way to"))
    call.take(message)
    assert call.told == [ErrorMessage("no way to")]


def test_nobody_minds_that_what_is_stopped_is_over() -> None:
    call = Call()
    call.take(text("a", preemptible=True))
    call.refusal = RequestError(RequestFault.NOT_FOUND, "forgotten")
    call.take(PlayMessage(source=URL))
    assert call.told == [ErrorMessage("forgotten")]  # the recording's


# --- Silence and the end -----------------------------------------------------------------


def test_silence_ends_a_text_but_not_the_cycle() -> None:
    call = Call()
    assert call.conversation.fell_quiet() == []
    call.take(text("How are you?", preemptible=True))
    call.follow(call.conversation.fell_quiet())
    assert call.commands[-1] == Close(utterance=1)
    assert call.conversation.fell_quiet() == []
    got = call.take(text(" Well?", preemptible=True), text("", last=True))
    assert got == [Say(text=" Well?", open=True), Close(utterance=2)]


def test_a_very_long_answer_goes_on_in_another_utterance() -> None:
    call = Call()
    got = call.take(*[text("x" * 1000)] * 30)
    assert [type(each) for each in got].count(Say) == 2
    assert "".join(call.items) == "x" * 30_000


def test_end_hangs_up_and_loops_no_more() -> None:
    call = Call()
    call.take(PlayMessage(source=URL, loop=5), text("Goodbye"))
    assert call.take(EndMessage()) == [Close(utterance=2), HangUp(when="now")]
    call.begin(1)
    assert call.accepted == 2


def test_other_events_lead_to_nothing() -> None:
    event = DtmfCame(call="c", at=0.0, digit="1", duration_ms=None)
    assert Conversation(RelayTerms()).happened(event, 0.0) == []
