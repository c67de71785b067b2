import pytest

from trioaudio.core.errors import (
    ConfigError,
    EngineError,
    EngineFault,
    LegLostError,
    LegRefusedError,
    LocalProtocolError,
    RemoteProtocolError,
)
from trioaudio.core.verdict import Verdict, judge, known_error, leaves, split_control

LOST = LegLostError("reset")
REFUSED = LegRefusedError("403")
BUG = ZeroDivisionError()


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [
        (LOST, Verdict.LOST),
        (REFUSED, Verdict.REFUSED),
        (RemoteProtocolError("junk"), Verdict.REFUSED),
        (LocalProtocolError("ours"), Verdict.BUG),
        (ConfigError("theirs"), Verdict.BUG),
        (EngineError("mute", kind=EngineFault.AUTH, retryable=False), Verdict.BUG),
        (OSError(), Verdict.BUG),
        (BUG, Verdict.BUG),
        (ExceptionGroup("", [LOST, LOST]), Verdict.LOST),
        (ExceptionGroup("", [REFUSED, LOST]), Verdict.REFUSED),
        (ExceptionGroup("", [LOST, ExceptionGroup("", [REFUSED])]), Verdict.REFUSED),
        (ExceptionGroup("", [ExceptionGroup("", [LOST, BUG]), REFUSED]), Verdict.BUG),
    ],
)
def test_of_several_failures_the_most_final_one_counts(
    failure: Exception, verdict: Verdict
) -> None:
    assert judge(failure) is verdict


def test_a_failure_alone_is_judged() -> None:
    assert split_control(LOST) == (None, LOST)


def test_what_unwinds_the_program_is_raised_again() -> None:
    interrupt = KeyboardInterrupt()
    assert split_control(interrupt) == (interrupt, None)


def test_a_group_is_parted() -> None:
    interrupt = KeyboardInterrupt()
    group = BaseExceptionGroup("", [LOST, BaseExceptionGroup("", [interrupt, BUG])])
    control, failures = split_control(group)
    assert control is not None
    assert failures is not None
    assert leaves(control) == [interrupt]
    assert leaves(failures) == [LOST, BUG]
    assert judge(failures) is Verdict.BUG


def test_a_group_of_one_kind_has_only_one_part() -> None:
    failures = ExceptionGroup("", [LOST])
    assert split_control(failures) == (None, failures)
    control = BaseExceptionGroup("", [KeyboardInterrupt()])
    unwinding, wrong = split_control(control)
    assert unwinding is not None
    assert leaves(unwinding) == list(control.exceptions)
    assert wrong is None


def test_leaves_come_in_order() -> None:
    assert leaves(LOST) == [LOST]
    nested = ExceptionGroup("", [LOST, ExceptionGroup("", [REFUSED, BUG]), LOST])
    assert leaves(nested) == [LOST, REFUSED, BUG, LOST]


def test_a_group_of_known_errors_is_told_by_its_first() -> None:
    assert known_error(ExceptionGroup("", [ExceptionGroup("", [REFUSED]), LOST])) is REFUSED


@pytest.mark.parametrize("other", [BUG, KeyboardInterrupt()])
def test_a_group_with_anything_else_in_it_is_raised_as_it_is(other: BaseException) -> None:
    group = BaseExceptionGroup("", [LOST, BaseExceptionGroup("", [other])])
    with pytest.RaisesGroup(type(LOST), pytest.RaisesGroup(type(other))) as caught:
        known_error(group)
    assert caught.value is group
