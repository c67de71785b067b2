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
from trioaudio.serve_settings import ServeSettings
from trioaudio.settings import Settings, variable

_TAKEN = ("learns a call's URL", "take the call")
_BEGUN = ("gets to it", "begin calls here")


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
    warning = proof_switch(settings, host)
    if settings.authentication != "on":
        return DoorPolicy(warning=warning)
    proof = carrier.door_check
    if proof is None:
        return DoorPolicy()
    missing = proof.missing(carrier_settings)
    if missing is not None:
        raise ConfigError(
            f"{variable(f'{carrier.name}_{missing}')} is not set, so the {proof.proof} of"
            f" {carrier.name} cannot be checked; set it, or {variable('authentication')}=off to"
            " listen on this machine only without that"
        )
    return DoorPolicy(partial(proof.check, carrier_settings))


def proof_switch(settings: Settings, host: str) -> str | None:
    """Return a warning if carriers are let in without proof; ConfigError if that is not safe."""
    match settings.authentication:
        case "on":
            return None
        case "off":
            _refuse_reach(settings, host, "authentication", "on", _TAKEN)
            return None
        case "forced-off":
            return f"{variable('authentication')}=forced-off: whoever {_TAKEN[0]} can {_TAKEN[1]}"


def open_door_switch(serve: ServeSettings, settings: Settings) -> str | None:
    """Return a warning if whoever comes is let in; ConfigError if that is not safe."""
    match serve.media_auth:
        case "tokens":
            return None
        case "off":
            _refuse_reach(settings, serve.media_host, "media_auth", "tokens", _BEGUN)
            return None
        case "forced-off":
            return f"{variable('media_auth')}=forced-off: whoever {_BEGUN[0]} can {_BEGUN[1]}"


def _refuse_reach(
    settings: Settings, host: str, key: str, safe: str, danger: tuple[str, str]
) -> None:
    """Raise ConfigError when what is safe on this machine only can be reached from others."""
    reached = _how_others_get_here(settings, host)
    if reached is not None:
        raise ConfigError(
            f"{variable(key)}=off: {reached}, so whoever {danger[0]} could {danger[1]}; set it to"
            f" {safe}, or to forced-off if you mean that"
        )


def _how_others_get_here(settings: Settings, host: str) -> str | None:
    """Return how other machines can reach the listener; None if they cannot."""
    for key in ("public_url", "trusted_proxies"):
        if getattr(settings, key):
            return f"{variable(key)} says that a proxy leads others here"
    if host.startswith("/"):
        return f"a proxy leads others to {host}"
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
