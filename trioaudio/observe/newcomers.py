"""What calls will cost that have just come, so that many at once cannot pass the limit unseen.

A mean of five seconds knows of a burst when it is over. So the CPU time that is expected is that
mean, and for every call there is now beyond the mean number of those seconds the price of a call:
what calls cost on average. What it takes to open them is not in it: that is spread over as long as
it takes, behind the pacer's turns.
"""

from __future__ import annotations

from typing import Final

from trioaudio.observe.load_limits import Overload

CALL_RATIO: Final = 0.00075
"""Of a core, for a call that is up: a thousand calls at the usual limit of 75 %. More where more is
measured."""

FEWEST_CALLS: Final = 20
"""Below it the CPU time of a call is that of the process itself."""

RETRY_AFTER_S: Final = 1.0
"""The mean of so much later knows more."""


def expected_cpu(cpu_mean: float, calls_mean: float, calls: int) -> float:
    """Return the part of a core that so many calls will use, by two means of the same time."""
    price = CALL_RATIO
    if calls_mean >= FEWEST_CALLS:
        price = max(price, cpu_mean / calls_mean)
    return cpu_mean + price * max(0.0, calls - calls_mean)


def newcomers_overload(
    cpu_mean: float, calls_mean: float, calls: int, most: float | None
) -> Overload | None:
    """Return why one more than `calls` cannot be taken, if it cannot; `most` is of a core."""
    if most is None or calls <= calls_mean:
        return None  # nobody came whom the mean does not know
    expected = expected_cpu(cpu_mean, calls_mean, calls + 1)
    if expected <= most:
        return None
    return Overload(
        "newcomers",
        f"{calls - calls_mean:.0f} calls have just come; with one more the CPU would be"
        f" {expected:.0%} busy; {most:.0%} is the most",
        RETRY_AFTER_S,
    )
