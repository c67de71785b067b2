from __future__ import annotations

from trioaudio.api.events import CallEnded, DtmfCame
from trioaudio.api.requests import Subscribe
from trioaudio.client.subscription import OWN_EVENTS, Wishes

OWN = sorted(OWN_EVENTS)


def dtmf(call: str) -> DtmfCame:
    return DtmfCame(call=call, at=1.0, digit="1", duration_ms=None)


def test_what_is_followed_is_asked_for_once() -> None:
    wishes = Wishes()
    asked = wishes.follow("a")
    assert asked == Subscribe(calls=["a"], events=OWN)
    wishes.told(asked)
    assert wishes.follow("a") is None
    assert wishes.follow("b") == Subscribe(calls=["a", "b"], events=OWN)
    wishes.forget("a")
    assert wishes.follow("b") == Subscribe(calls=["b"], events=OWN)
    assert not wishes.wants(dtmf("a"))


def test_the_user_s_wish_and_the_client_s_own_are_one_subscription() -> None:
    wishes = Wishes()
    wishes.follow("a")
    asked = wishes.wish(["b"], ["dtmf"])
    assert asked == Subscribe(calls=["a", "b"], events=sorted([*OWN, "dtmf"]))
    assert wishes.wants(dtmf("b"))
    assert not wishes.wants(dtmf("a"))
    ended = CallEnded(call="b", at=1.0, cause="hung-up", reason="", record={})
    assert not wishes.wants(ended)


def test_everything_needs_no_more() -> None:
    wishes = Wishes()
    asked = wishes.wish(None, None)
    assert asked == Subscribe()
    asked.ref = "9"
    wishes.told(asked)
    assert wishes.follow("a") is None
    assert wishes.wants(dtmf("z"))


def test_more_calls_than_can_be_named() -> None:
    wishes = Wishes()
    for number in range(1001):
        wishes.follow(f"c{number}")
    assert wishes.wish([], ["dtmf"]).calls is None
    assert not wishes.wants(dtmf("c1"))
