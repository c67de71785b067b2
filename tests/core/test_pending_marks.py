from trioaudio.core.pending_marks import MOST_MARKS, PendingMarks


def test_without_marks_the_estimate_holds() -> None:
    assert PendingMarks().played_at(5.0, 2.0) == 5.0


def test_a_mark_that_is_owed_is_waited_for_with_patience() -> None:
    marks = PendingMarks()
    marks.ask("a")
    assert marks.played_at(5.0, 2.0) == 7.0


def test_the_carriers_word_counts_when_it_is_later() -> None:
    marks = PendingMarks()
    marks.ask("a")
    assert marks.answer("a", 6.0)
    assert marks.played_at(5.0, 2.0) == 6.0
    assert marks.played_at(6.5, 2.0) == 6.5


def test_an_answer_counts_once() -> None:
    marks = PendingMarks()
    marks.ask("a")
    assert [marks.answer("a", 1.0), marks.answer("a", 2.0), marks.answer("b", 3.0)] == [
        True,
        False,
        False,
    ]
    assert marks.stale == 2
    assert marks.played_at(0.0, 2.0) == 1.0


def test_forgotten_marks_are_stale() -> None:
    marks = PendingMarks()
    marks.ask("a")
    marks.forget()
    assert marks.played_at(5.0, 2.0) == 5.0
    assert not marks.answer("a", 6.0)


def test_a_carrier_that_never_answers_fills_no_memory() -> None:
    marks = PendingMarks()
    for number in range(MOST_MARKS + 1):
        marks.ask(str(number))
    assert not marks.answer("0", 1.0)
    assert all(marks.answer(str(number), 1.0) for number in range(1, MOST_MARKS + 1))


def test_a_mark_is_awaited_until_it_comes_back_or_is_forgotten() -> None:
    marks = PendingMarks()
    assert not marks.are_awaited
    marks.ask("a")
    assert marks.are_awaited
    assert marks.answer("a", 1.0)
    assert not marks.are_awaited
    marks.ask("b")
    marks.forget()
    assert not marks.are_awaited
