from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.net.far_address import address_of, far_address, is_in, networks_of, site_of

PROXIES = networks_of(("127.0.0.1", "10.0.0.0/8", "2001:db8::/32"))


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_what_counts_as_one_far_end(host: str, site: str) -> None:
    assert site_of(address_of(host)) == site


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),  # nobody we trust says so
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),  # the first is invented
        ("127.0.0.1", "198.51.100.1, 10.1.2.3", "198.51.100.1"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.1 ,10.1.2.3, 2001:db8::5", "198.51.100.1"),
        ("127.0.0.1", "10.0.0.1, 10.0.0.2", "10.0.0.1"),
        ("127.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("127.0.0.1", "[2001:db9::1]:4711", "2001:db9::1"),
        ("127.0.0.1", "2001:db9::1", "2001:db9::1"),
        ("127.0.0.1", "198.51.100.1, unknown", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1, , 10.0.0.1", "10.0.0.1"),
        ("::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"),
    ],
)
def test_who_came(peer: str, forwarded: str, found: str) -> None:
    assert str(far_address(address_of(peer), forwarded, PROXIES)) == found


@given(st.text(max_size=60))
def test_whatever_a_header_says_it_is_an_address(forwarded: str) -> None:
    far_address(address_of("127.0.0.1"), forwarded, PROXIES)


def test_networks() -> None:
    assert is_in(address_of("10.9.9.9"), PROXIES)
    assert not is_in(address_of("11.0.0.1"), PROXIES)
    assert not is_in(address_of("::1"), PROXIES)
