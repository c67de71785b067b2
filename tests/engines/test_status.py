from __future__ import annotations

import pytest

from trioaudio.core.errors import EngineFault, FaultScope
from trioaudio.engines._status import broke_protocol, kind_of, refusal, shortened, unavailable


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (200, EngineFault.UNAVAILABLE, True),
        (301, EngineFault.UNAVAILABLE, True),
        (400, EngineFault.BAD_REQUEST, False),
        (401, EngineFault.AUTH, False),
        (402, EngineFault.QUOTA, False),
        (403, EngineFault.AUTH, False),
        (404, EngineFault.BAD_REQUEST, False),
        (408, EngineFault.TIMEOUT, True),
        (409, EngineFault.UNAVAILABLE, True),
        (413, EngineFault.BAD_REQUEST, False),
        (422, EngineFault.BAD_REQUEST, False),
        (429, EngineFault.RATE, True),
        (500, EngineFault.UNAVAILABLE, True),
        (529, EngineFault.UNAVAILABLE, True),
    ],
)
def test_a_status_says_what_kind_of_failure_it_is_and_whether_to_ask_again(
    status: int, kind: EngineFault, retryable: bool
) -> None:
    assert kind_of(status) is kind
    error = refusal("acme", status, "no")
    assert (error.kind, error.retryable, error.scope) == (kind, retryable, FaultScope.UTTERANCE)
    assert str(error).startswith(f"acme refused with status {status}: no")


def test_a_refusal_says_what_to_do_and_may_take_the_connection_with_it() -> None:
    error = refusal("acme", 401, " wrong\n key ", scope=FaultScope.CONNECTION)
    assert str(error) == "acme refused with status 401: wrong key; check its key"
    assert error.scope is FaultScope.CONNECTION
    assert str(refusal("acme", 402, " ")).endswith("402; the account has no credit left")
    assert str(refusal("acme", 429, "")) == "acme refused with status 429"


def test_a_service_that_is_away_may_come_back() -> None:
    error = unavailable("acme", "the connection was lost")
    assert str(error) == "acme is not available: the connection was lost"
    assert (error.kind, error.retryable) == (EngineFault.UNAVAILABLE, True)
    assert error.scope is FaultScope.CONNECTION


def test_nonsense_is_the_services_fault() -> None:
    error = broke_protocol("acme", "no\nJSON")
    assert str(error) == "acme broke its protocol: no JSON"
    assert (error.kind, error.retryable) == (EngineFault.PROTOCOL, True)
    assert error.scope is FaultScope.UTTERANCE


def test_words_are_one_line_and_not_too_long() -> None:
    assert shortened(" one\r\n\ttwo ") == "one two"
    assert shortened("x" * 200) == "x" * 200
    assert shortened("x" * 10_000) == "x" * 200 + "..."
    assert len(str(refusal("acme", 500, "<html>" * 1000))) < 300
