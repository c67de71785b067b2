"""Whether a carrier that dials us must prove who it is: what the operator set, and what is safe.

Decided before anything is opened, and on the side of refusing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from functools import partial

import attrs

from trioaudio.core.carrier import Carrier, CarrierSettings
from trioaudio.core.errors import ConfigError
from trioaudio.core.upgrade import UpgradeRequest
from trioaudio.settings import Settings, variable


@attrs.frozen
class DoorPolicy:
    """What is checked of a carrier beside its knowing the path."""

    check: Callable[[UpgradeRequest], None] | None = None
    """Raises UpgradeRefusedError unless the request is the carrier's."""
    warning: str | None = None
    """One line for the operator."""


def door_policy_for(
    carrier: Carrier, carrier_settings: CarrierSettings, settings: Settings, host: str
) -> DoorPolicy:
    """Decide for a listener on `host`.

    ConfigError when a carrier that has a proof cannot be held to it, or when it is let off
    where others than this machine can reach the listener.
    """
    proof = carrier.door_check
    switch = variable("authentication")
    match settings.authentication:
        case "on":
            if proof is None:
                return DoorPolicy()
            missing = proof.missing(carrier_settings)
            if missing is not None:
                raise ConfigError(
                    f"{variable(f'{carrier.name}_{missing}')} is not set, so the {proof.proof} of"
                    f" {carrier.name} cannot be checked; set it, or {switch}=off to listen on"
                    " this machine only without that"
                )
            return DoorPolicy(partial(proof.check, carrier_settings))
        case "off":
            reached = _how_others_get_here(settings, host)
            if reached is not None:
                raise ConfigError(
                    f"{switch}=off: {reached}, so whoever learns a call's URL could take the call;"
                    " set it to on, or to forced-off if you mean that"
                )
            return DoorPolicy()
        case "forced-off":
            return DoorPolicy(
                warning=f"{switch}=forced-off: whoever learns a call's URL can take the call"
            )


def _how_others_get_here(settings: Settings, host: str) -> str | None:
    """Return how other machines can reach the listener; None if they cannot."""
    for key in ("public_url", "trusted_proxies"):
        if getattr(settings, key):
            return f"{variable(key)} says that a proxy leads others here"
    if not is_loopback(host):
        return f"others than this machine can reach {host}"
    return None


def is_loopback(host: str) -> bool:
    """Say whether all a name or address stands for is this machine's own; a lookup may wait."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return False
    addresses = {str(address[0]).partition("%")[0] for *_, address in found}
    return bool(addresses) and all(_stays_here(each) for each in addresses)


def _stays_here(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
