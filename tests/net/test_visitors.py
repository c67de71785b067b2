from __future__ import annotations

import socket
from ipaddress import ip_address

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
