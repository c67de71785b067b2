from __future__ import annotations

import socket
from ipaddress import ip_address

import trio
from trio.testing import MockClock

from trioaudio.net.arrival import Knock
from trioaudio.net.visitors import Visitor, Visitors


def visitor() -> Visitor:
    return Visitor(Knock(socket.socket(), "p", ip_address("127.0.0.1"), is_proxy=False))


def test_the_oldest_that_has_asked_nothing_goes() -> None:
    visitors = Visitors()
    first, second, third = (visitor() for _ in range(3))
    for each in (first, second, third):
        visitors.add(each)
    visitors.asked(first)
    assert visitors.drop_oldest()
    assert (first.dropped, second.dropped, third.dropped) == (False, True, False)
    assert second.scope.cancel_called
    visitors.remove(third)
    assert not visitors.drop_oldest()
    visitors.remove(first)
    for each in (first, second, third):
        each.knock.sock.close()


async def test_it_may_take_so_long_and_then_so_long_again(autojump_clock: MockClock) -> None:
    del autojump_clock
    one = visitor()
    with one.knock.sock, one.scope:
        one.may_take(2.0)
        await trio.sleep(1.5)
        one.may_take(2.0)
        await trio.sleep(1.5)
        await trio.sleep(1.0)
    assert one.scope.cancelled_caught
    assert trio.current_time() == 3.5
    assert not one.dropped
