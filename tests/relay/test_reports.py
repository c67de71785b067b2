"""What an application is told, and in what order."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from relay.relay_desk import CALL, FakeDesk
from trioaudio.api.events import (
    ControlFailed,
    DtmfCame,
    Event,
    UtteranceAccepted,
    UtteranceCompleted,
)
from trioaudio.api.shapes import Cause
from trioaudio.relay.messages import DtmfMessage, ErrorMessage, InterruptMessage
from trioaudio.relay.reports import Reports, new_session, setup_message


def over(
    number: int, cause: Cause = "barge-in", heard: str = "", *, at: float = 0.0, ms: float = 0.0
) -> UtteranceCompleted:
    return UtteranceCompleted(
        call=CALL,
        at=at,
        utterance=number,
        cause=cause,
        error=None,
        played_ms=ms,
        text_heard=heard,
        text_unheard="rest",
        certainty="acked",
        spoken_by=[],
    )


def accepted(number: int) -> UtteranceAccepted:
    return UtteranceAccepted(call=CALL, at=0.0, utterance=number, position=0, eta_ms=None)


def key(digit: str) -> DtmfCame:
    return DtmfCame(call=CALL, at=0.0, digit=digit, duration_ms=80.0)


def test_an_interrupt_goes_before_the_key_and_holds_all_that_was_heard() -> None:
    told = Reports().tell([key("1"), over(2, ms=0.4), over(1, heard="Life is", ms=460.2)])
    assert told == [InterruptMessage("Life is", 461), DtmfMessage("1")]


def test_cuts_told_later_belong_to_the_same_barge_in() -> None:
    reports = Reports()
    assert reports.tell([accepted(1), accepted(2), accepted(3), over(1, heard="a")])
    assert reports.tell([over(2, at=0.2)]) == []
    assert reports.tell([over(3, at=0.6)]) == [InterruptMessage("", 0)]


def test_a_cut_of_what_was_said_since_is_a_new_one() -> None:
    reports = Reports()
    assert reports.tell([accepted(1), over(1, heard="a"), accepted(2)])
    assert reports.tell([over(2, heard="b", at=0.1)]) == [InterruptMessage("b", 0)]


@pytest.mark.parametrize("cause", ["normal", "cancelled", "carrier-lost", "drained"])
def test_other_ends_are_not_told(cause: Cause) -> None:
    assert Reports().tell([over(1, cause)]) == []


@pytest.mark.parametrize("cause", ["error", "parse-failure", "language-unsupported", "expired"])
def test_failures_are_told(cause: Cause) -> None:
    failed = over(1, cause)
    assert Reports().tell([failed]) == [ErrorMessage(f"utterance 1 was not spoken: {cause}")]
    failed.error = "no voice"
    assert Reports().tell([failed]) == [
        ErrorMessage(f"utterance 1 was not spoken: {cause}: no voice")
    ]


def test_a_carrier_s_refusal_is_told() -> None:
    events: list[Event] = [ControlFailed(call=CALL, at=0.0, what="hang up", reason="404")]
    assert Reports().tell(events) == [ErrorMessage("the carrier did not hang up: 404")]


def test_sessions_have_ids_of_their_own() -> None:
    one, two = new_session(), new_session()
    assert one != two
    assert len(one) == 34


def test_a_call_that_came_in_is_inbound_and_may_have_no_numbers() -> None:
    view = replace(FakeDesk(to=None).call(CALL), caller_id=None)
    setup = setup_message(view, "VX1", "AC1")
    assert (setup.direction, setup.from_, setup.to) == ("inbound", "", "")
    assert (setup.session_id, setup.account_sid) == ("VX1", "AC1")
