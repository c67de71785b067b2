"""A context of Cartesia: when its text is spoken, and when it is over."""

from __future__ import annotations

import json

import pytest

from simulators.services.cartesia_client import request
from trioaudio.simulators.services.cartesia_context import (
    ENOUGH_CHARACTERS,
    EXPIRY_SECONDS,
    MOST_CHARACTERS,
    Context,
    Piece,
)
from trioaudio.simulators.services.cartesia_requests import (
    DEFAULT_BUFFER_DELAY,
    Generation,
    RefusedError,
    read_message,
)


def read(text: str, **more: object) -> Generation:
    found = read_message(json.dumps(request(text, **{"continue": True, **more})))
    assert isinstance(found, Generation)
    return found


def context(text: str, now: float = 0.0, **more: object) -> Context:
    first = read(text, **more)
    found = Context(first)
    found.take(first, now)
    return found


def test_without_a_delay_each_input_is_a_flush() -> None:
    found = context("One. ")
    found.take(read("Two."), 0)
    assert found.next_piece(0) == Piece("One. ", 1, ends_flush=True)
    found.spoke(0.1)
    assert found.next_piece(0.1) == Piece("Two.", 2, ends_flush=True)
    assert found.next_piece(0.1) is None
    assert not found.done


def test_text_is_joined_verbatim_while_it_waits() -> None:
    found = context("Hel", max_buffer_delay_ms=300)
    found.take(read("lo", max_buffer_delay_ms=300), 0.2)
    assert found.wake_at == 0.3
    assert found.next_piece(0.29) is None
    assert found.next_piece(0.3) == Piece("Hello", 1, ends_flush=False)


def test_without_the_field_it_waits_three_seconds() -> None:
    found = context("Hello", max_buffer_delay_ms=None)
    assert found.wake_at == DEFAULT_BUFFER_DELAY == 3.0
    assert found.next_piece(2.99) is None
    assert found.next_piece(3.0) == Piece("Hello", 1, ends_flush=False)


def test_the_last_input_is_spoken_at_once() -> None:
    found = context("Hello", max_buffer_delay_ms=5000)
    found.take(read(" you", max_buffer_delay_ms=5000, **{"continue": False}), 0)
    assert found.next_piece(0) == Piece("Hello you", 1, ends_flush=False)
    assert not found.done
    found.spoke(0)
    assert found.done


def test_plenty_of_text_is_spoken_at_once() -> None:
    assert context("x" * (ENOUGH_CHARACTERS - 1), max_buffer_delay_ms=5000).next_piece(0) is None
    assert context("x" * ENOUGH_CHARACTERS, max_buffer_delay_ms=5000).next_piece(0)


def test_a_flush_speaks_what_is_there_and_counts() -> None:
    found = context("Hello", max_buffer_delay_ms=5000)
    found.take(read("", flush=True, max_buffer_delay_ms=5000), 0)
    found.take(read("", flush=True, max_buffer_delay_ms=5000), 0)
    found.take(read(" you", flush=True, max_buffer_delay_ms=5000), 0)
    pieces = [found.next_piece(0) for _ in range(4)]
    assert pieces == [
        Piece("Hello", 1, ends_flush=True),
        Piece("", 2, ends_flush=True),
        Piece(" you", 3, ends_flush=True),
        None,
    ]


def test_it_expires_a_second_after_its_last_audio() -> None:
    found = context("One.")
    assert found.next_piece(0) is not None
    assert not found.expired(100)  # it speaks
    found.spoke(5)
    assert found.wake_at == 5 + EXPIRY_SECONDS
    assert not found.expired(5.99)
    found.take(read("Two."), 5.99)
    assert found.wake_at is None
    assert found.next_piece(5.99) is not None
    found.spoke(7)
    assert found.expired(8)
    with pytest.raises(RefusedError, match="Context has closed") as caught:
        found.take(read("Three."), 8)
    assert caught.value.context_id == "a"


def test_text_in_its_buffer_keeps_it_alive() -> None:
    found = context("One.", max_buffer_delay_ms=3000)
    assert found.next_piece(3) is not None
    found.spoke(3)
    found.take(read("Two.", max_buffer_delay_ms=3000), 3.5)
    assert not found.expired(6)
    assert found.next_piece(6.5) is not None


def test_nothing_comes_after_the_last_input() -> None:
    found = context("One.", **{"continue": False})
    with pytest.raises(RefusedError, match="Context has closed"):
        found.take(read("Two."), 0)


@pytest.mark.parametrize(
    "changed",
    [
        {"voice": "w"},
        {"model_id": "sonic-3.5"},
        {"language": "de"},
        {"add_timestamps": True},
        {"max_buffer_delay_ms": 5},
    ],
)
def test_everything_else_must_stay_the_same(changed: dict[str, object]) -> None:
    found = context("One.")
    with pytest.raises(RefusedError, match="may change within a context"):
        found.take(read("Two.", **changed), 0)


def test_the_empty_last_input_may_lack_what_was_given_before() -> None:
    found = context("One.")
    found.take(read("", voice="w", **{"continue": False}), 0)
    assert found.ended


def test_a_cancel_forgets_what_is_not_begun() -> None:
    found = context("One.")
    found.take(read("Two."), 0)
    assert found.next_piece(0) is not None
    found.cancel()
    assert not found.done  # it still says the first
    found.spoke(1)
    assert found.done
    assert found.next_piece(1) is None


def test_it_is_bounded() -> None:
    found = context("x" * 20_000)
    found.take(read("x" * 20_000), 0)
    with pytest.raises(RefusedError, match=str(MOST_CHARACTERS)):
        found.take(read("x" * 20_000), 0)
