"""Who is at the other end of a connection: an address, seen through the operator's proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_SITE_BITS: Final = 64
"""An IPv6 customer is given at least this much of the address space to choose addresses from."""


def address_of(host: str) -> Address:
    """Read a socket's idea of an address; one of IPv4 in IPv6's clothes is one of IPv4."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def site_of(address: Address) -> str:
    """Return what stands for a far end in counts: its IPv4 address, or its IPv6 network."""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address, _SITE_BITS), strict=False))


def networks_of(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read addresses and networks that were checked before."""
    return tuple(ipaddress.ip_network(each.strip()) for each in texts)


def is_in(address: Address, networks: Sequence[Network]) -> bool:
    """Say whether one of the networks holds the address."""
    return any(address in network for network in networks)


def far_address(peer: Address, forwarded_for: str, proxies: Sequence[Network]) -> Address:
    """Return who came: `peer` itself, or whom trusted proxies say they speak for.

    Each proxy writes at the end of X-Forwarded-For whom it heard from, so it is read from there,
    and only as long as who wrote is trusted: what comes before is the far end's own invention.
    https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/X-Forwarded-For
    """
    found = peer
    for entry in reversed(forwarded_for.split(",")):
        if not is_in(found, proxies):
            break
        named = _read(entry.strip())
        if named is None:
            break
        found = named
    return found


def _read(entry: str) -> Address | None:
    """Read one entry; some proxies write the port too, and then IPv6 in brackets."""
    if entry.startswith("["):
        entry = entry[1:].partition("]")[0]
    elif entry.count(":") == 1:
        entry = entry.partition(":")[0]
    try:
        return address_of(entry)
    except ValueError:
        return None
