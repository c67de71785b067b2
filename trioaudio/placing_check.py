"""What is wrong with a call that is to be placed: numbers, credentials, URLs nobody can dial.

A carrier cannot reach an address of this machine only, unless its REST interface is here as well.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from trioaudio.core.call_control import CallControl, Placing
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.errors import ConfigError


def check_placing(control: CallControl, settings: CarrierSettings, placing: Placing) -> None:
    """Find out what is wrong with a call before anybody is called. ConfigError."""
    if control.place is None:
        raise ConfigError(f"carrier={control.name}: it places no calls for us")
    theirs = urlsplit(control.place(settings, placing).url).hostname
    for name, url in (
        ("TRIOAUDIO_PUBLIC_URL", placing.media_url),
        ("--answer-url", placing.answer_url or placing.media_url),
    ):
        ours = urlsplit(url).hostname
        if _is_nowhere(ours) or (_is_here(ours) and not _is_here(theirs)):
            raise ConfigError(
                f"{name}: {control.name} cannot reach {ours}; set it to the URL under which this"
                " machine is reached from outside"
            )


def _is_here(host: str | None) -> bool:
    """Say whether a host is this machine, to whoever dials it."""
    name = (host or "").rstrip(".").lower()
    address = _address(name)
    if address is None:
        return name == "localhost" or name.endswith(".localhost")
    return address.is_loopback


def _is_nowhere(host: str | None) -> bool:
    """Say whether a host is an address one can listen on and nobody can dial."""
    address = _address((host or "").rstrip("."))
    return address is not None and address.is_unspecified


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address a host is written as, in any of the ways there are; None for a name."""
    try:
        return ip_address(socket.inet_aton(host))  # 127.1 and 0 are addresses, too
    except (OSError, ValueError):
        pass
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
