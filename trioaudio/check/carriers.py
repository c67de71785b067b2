"""Carriers: whether their credentials are complete, and, live, whether the carrier knows them."""

from __future__ import annotations

from functools import partial
from typing import Final

from trioaudio.call_control import find_call_control
from trioaudio.check.row import Check, Row
from trioaudio.configuration import Configuration, EnabledCarrier
from trioaudio.core.call_control import CallControl, CallControlError
from trioaudio.core.carrier import Role
from trioaudio.net.carrier_rest import RestTiming, open_carrier_rest
from trioaudio.net.tls import client_context
from trioaudio.settings import variable

APART_S: Final = 5.0
"""Further apart than a second's rounding and a slow reply explain."""


def carrier_checks(configuration: Configuration, *, live: bool) -> list[Check]:
    """Return a check for each enabled carrier."""
    timeout_s = configuration.settings.rest_timeout_s
    return [
        Check(
            "carriers",
            f"carrier {name}",
            partial(_look, configuration, enabled, live=live),
            timeout_s * 3 + 5,  # a carrier is asked up to three times
        )
        for name, enabled in configuration.carriers.items()
    ]


async def _look(configuration: Configuration, enabled: EnabledCarrier, *, live: bool) -> list[Row]:
    name = enabled.carrier.name
    row = partial(Row, "carriers", f"carrier {name}")
    control = find_call_control(name)
    takes = "takes calls" if Role.ANSWER in enabled.carrier.roles else "is dialled"
    if control is None or not control.credentials:
        return [row("ok", f"{takes}; it has no credentials for REST")]
    missing = control.missing(enabled.settings)
    if set(missing) == set(control.credentials):
        return [row("ok", f"{takes}; places none: its REST credentials are not set")]
    if missing:
        names = ", ".join(variable(f"{name}_{each}") for each in missing)
        return [row("failed", f"not set: {names}", "set all its credentials, or none")]
    if control.hang_up is not None:
        control.hang_up(enabled.settings, "0")  # ConfigError if a credential is none
    if control.probe is None:
        return [row("ok", "credentials are set; they cannot be checked without placing a call")]
    if not live:
        return [row("ok", "credentials are set; --live asks the carrier about them")]
    return await _ask(configuration, enabled, control, row)


async def _ask(
    configuration: Configuration, enabled: EnabledCarrier, control: CallControl, row: partial[Row]
) -> list[Row]:
    settings = configuration.settings
    ca_file = str(settings.tls_ca_file) if settings.tls_ca_file else None
    opening = open_carrier_rest(
        control,
        enabled.settings,
        timing=RestTiming(whole=settings.rest_timeout_s),
        tls_context=client_context(ca_file),
    )
    try:
        async with opening as rest:
            await rest.verify()
            rows = [row("ok", "the carrier knows our credentials")]
            return rows + judge_clock(rest.clock_ahead_s, row)
    except CallControlError as exc:
        return [row("failed", str(exc), f"see {control.documentation}")]


def judge_clock(ahead_s: float | None, row: partial[Row]) -> list[Row]:
    """Say so if our clock and the carrier's disagree; theirs is told to the second."""
    if ahead_s is None or abs(ahead_s) <= APART_S:
        return []
    how = "ahead of" if ahead_s > 0 else "behind"
    return [
        row(
            "warning",
            f"our clock is {abs(ahead_s):.0f} s {how} the carrier's",
            "set it right: signatures and tokens hold the time",
        )
    ]
