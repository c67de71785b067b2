from __future__ import annotations

import pytest

from trioaudio.core.carrier import Transport
from trioaudio.net.door import GONE, Door, DoorPlan
from trioaudio.net.door_keys import REMEMBERED, Doors
from trioaudio.net.refusal import Refusal

WEB, ASTERISK = Transport.WEBSOCKET, Transport.AUDIOSOCKET


def new_door() -> Door:
    return Door(DoorPlan(), 1)


def test_a_key_is_good_until_its_call_is_over() -> None:
    doors, door = Doors(), new_door()
    doors.add(WEB, "/a", door)
    assert doors.find(WEB, "/a") is door
    assert list(doors) == [door]
    for key in ("/b", "/A", "/a/", "", "/a ", "a"):
        refusal = doors.find(WEB, key)
        assert isinstance(refusal, Refusal)
        assert refusal.status == 404
    assert doors.remove(WEB, "/a") is door
    assert doors.find(WEB, "/a") is GONE
    assert len(doors) == 0
    doors.add(WEB, "/a", door)
    assert doors.find(WEB, "/a") is door


def test_a_key_is_for_its_transport() -> None:
    doors = Doors()
    doors.add(ASTERISK, "a", new_door())
    assert isinstance(doors.find(WEB, "a"), Refusal)
    refusal = doors.find(ASTERISK, "hush")
    assert isinstance(refusal, Refusal)
    assert "hush" not in refusal.reason


def test_a_key_opens_one_door() -> None:
    doors = Doors()
    doors.add(WEB, "/a", new_door())
    with pytest.raises(ValueError, match="already"):
        doors.add(WEB, "/a", new_door())


def test_only_so_many_closed_ones_are_remembered_and_no_key_is() -> None:
    doors, door = Doors(), new_door()
    for number in range(REMEMBERED + 1):
        doors.add(WEB, f"/hush/{number}", door)
        doors.remove(WEB, f"/hush/{number}")
    forgotten = doors.find(WEB, "/hush/0")
    assert isinstance(forgotten, Refusal)
    assert forgotten.status == 404
    assert doors.find(WEB, "/hush/1") is GONE
    assert len(doors._closed) == REMEMBERED
    assert all(len(each) == 32 for each in doors._closed)
