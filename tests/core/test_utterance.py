import itertools

import pytest

from trioaudio.core.errors import LocalProtocolError
from trioaudio.core.utterance import (
    Cause,
    Interruptible,
    Utterance,
    UtteranceEvent,
    UtteranceState,
)

MOVES = {
    ("queued", "speak"): "speaking",
    ("queued", "interrupt"): "interrupted",
    ("queued", "fail"): "failed",
    ("speaking", "sent"): "sent",
    ("speaking", "interrupt"): "interrupted",
    ("speaking", "fail"): "failed",
    ("sent", "recall"): "speaking",
    ("sent", "played"): "played",
    ("sent", "interrupt"): "interrupted",
    ("sent", "fail"): "failed",
}


@pytest.mark.parametrize(
    ("state", "event"), list(itertools.product(UtteranceState, UtteranceEvent))
)
def test_every_event_in_every_state(state: UtteranceState, event: UtteranceEvent) -> None:
    utterance = Utterance(7, state=state)
    after = MOVES.get((state.value, event.value))
    if after is None:
        with pytest.raises(
            LocalProtocolError, match=f"utterance 7 is {state.value}: it cannot {event.value}"
        ):
            utterance.happen(event)
        assert utterance.state is state
    else:
        utterance.happen(event)
        assert utterance.state is UtteranceState(after)


@pytest.mark.parametrize("state", UtteranceState)
def test_the_last_three_states_are_final(state: UtteranceState) -> None:
    assert state.final is (state.value in ("played", "interrupted", "failed"))


def test_a_life_in_good_order() -> None:
    utterance = Utterance(1)
    assert utterance.interruptible is Interruptible.ANY
    utterance.happen(UtteranceEvent.SPEAK)
    utterance.happen(UtteranceEvent.SENT)
    assert utterance.end(UtteranceEvent.PLAYED, Cause.NORMAL)
    assert (utterance.state, utterance.cause) == (UtteranceState.PLAYED, Cause.NORMAL)
    assert utterance.error is None


def test_the_first_ending_counts() -> None:
    utterance = Utterance(1)
    assert utterance.end(UtteranceEvent.FAIL, Cause.ERROR, "the engine is mute")
    assert not utterance.end(UtteranceEvent.INTERRUPT, Cause.BARGE_IN)
    assert utterance.state is UtteranceState.FAILED
    assert (utterance.cause, utterance.error) == (Cause.ERROR, "the engine is mute")


def test_an_ending_out_of_order_changes_nothing() -> None:
    utterance = Utterance(1)
    with pytest.raises(LocalProtocolError):
        utterance.end(UtteranceEvent.PLAYED, Cause.NORMAL)
    assert (utterance.state, utterance.cause) == (UtteranceState.QUEUED, None)


@pytest.mark.parametrize(
    ("interruptible", "cutters"),
    [
        (Interruptible.NEVER, set()),
        (Interruptible.DTMF, {Interruptible.DTMF, Interruptible.ANY}),
        (Interruptible.SPEECH, {Interruptible.SPEECH, Interruptible.ANY}),
        (
            Interruptible.ANY,
            {Interruptible.DTMF, Interruptible.SPEECH, Interruptible.ANY},
        ),
    ],
)
def test_who_may_cut_it(interruptible: Interruptible, cutters: set[Interruptible]) -> None:
    able = set(Interruptible) - {Interruptible.NEVER}
    assert {each for each in able if interruptible.yields_to(each)} == cutters
