from __future__ import annotations

from trioaudio.net.address_limits import ADDRESSES, AddressLimits


def test_handshakes_at_once() -> None:
    limits = AddressLimits(handshakes=2, refusals=1, in_all=9)
    assert limits.enter("a")
    assert limits.enter("a")
    assert not limits.enter("a")
    assert limits.enter("b")
    limits.leave("a")
    assert limits.enter("a")
    for site in "aab":
        limits.leave(site)
    assert not limits._handshakes


def test_all_addresses_together() -> None:
    limits = AddressLimits(handshakes=2, refusals=1, in_all=2)
    limits.begin()
    assert not limits.is_full
    limits.begin()
    assert limits.is_full
    assert limits.in_handshake == 2
    limits.end()
    assert not limits.is_full
    assert limits.in_handshake == 1


def test_refusals_in_a_minute() -> None:
    limits = AddressLimits(handshakes=1, refusals=3, in_all=9)
    assert limits.turned_away_for("a", 0) == 0
    for now in (0, 20, 40):
        assert limits.turned_away_for("a", now) == 0
        limits.refused("a", now)
    assert limits.turned_away_for("a", 41) == 19
    assert limits.turned_away_for("a", 59.5) == 0.5
    assert limits.turned_away_for("b", 41) == 0
    assert limits.turned_away_for("a", 60) == 0
    limits.refused("a", 61)
    assert limits.turned_away_for("a", 62) == 0
    assert not limits.turned_away_for("a", 1000)


def test_only_so_many_addresses_are_remembered() -> None:
    limits = AddressLimits(handshakes=1, refusals=1, in_all=9)
    limits.refused("first", 0)
    limits.refused("second", 0)
    limits.refused("first", 1)  # heard of again
    for number in range(ADDRESSES - 1):
        limits.refused(str(number), 2)
    assert len(limits._minutes) == ADDRESSES
    assert limits.turned_away_for("first", 3)
    assert not limits.turned_away_for("second", 3)
