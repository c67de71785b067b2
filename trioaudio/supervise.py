"""One leg after another: connect, run, judge how it ended, and recover as the carrier allows.

This is the leg's supervisor: here a bug in one leg is caught, and ends that call alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import trio

from trioaudio.core.backoff import Backoff, RestartIntensity
from trioaudio.core.carrier import Recovery
from trioaudio.core.connection import Closing, Connect, MediaConnection
from trioaudio.core.facts import LegConnected, LegEnded, RecoveryBegan, Tell
from trioaudio.core.verdict import Verdict, judge, leaves, split_control


@attrs.frozen
class RecoveryPolicy:
    """What is done about a lost leg, in seconds."""

    recovery: Recovery
    first_wait: float | None = None
    """How long the first connection may take; None: for ever."""
    return_grace: float = 10.0
    backoff: Backoff = Backoff()
    restarts_most: int = 5
    restarts_within: float = 60.0


@attrs.frozen
class LegFailure:
    """Why there will be no more legs."""

    verdict: Verdict
    error: Exception
    """The exception as it was raised; a group may hold several."""

    @property
    def reason(self) -> str:
        """One line for people."""
        if self.verdict is Verdict.BUG:
            culprit = next(each for each in leaves(self.error) if not _expected(each))
            return f"internal error: {type(culprit).__name__}: {culprit}"
        return "; ".join(dict.fromkeys(map(str, leaves(self.error))))


def _expected(exc: BaseException) -> bool:
    return isinstance(exc, Exception) and judge(exc) is not Verdict.BUG


class _Restarts:
    """What is left to try after a leg was lost."""

    def __init__(self, policy: RecoveryPolicy, draw: Callable[[], float]) -> None:
        self._policy = policy
        self._draw = draw
        self._intensity = RestartIntensity(policy.restarts_most, policy.restarts_within)
        self._attempt = 0
        self.connected = False

    def leg_is_up(self) -> None:
        """Begin counting attempts anew."""
        self._attempt = 0
        self.connected = True

    def wait_before_next(self, failure: LegFailure, now: float) -> float | None:
        """Return the seconds to wait before connecting again; None to give up."""
        if failure.verdict is not Verdict.LOST or not self.connected:
            return None
        if self._attempt == 0 and not self._intensity.allow(now):
            return None
        self._attempt += 1
        match self._policy.recovery:
            case Recovery.REDIAL:
                return self._policy.backoff.delay(self._attempt - 1, self._draw())
            case Recovery.WAIT:
                return 0.0 if self._attempt == 1 else None
            case Recovery.END:
                return None


async def supervise(
    connect: Connect,
    run_leg: Callable[[MediaConnection], Awaitable[Closing]],
    policy: RecoveryPolicy,
    tell: Tell,
    wanted: Callable[[], bool],
    draw: Callable[[], float],
) -> Closing | LegFailure:
    """Keep a call's media connection up while it is `wanted`; return how it ended for good.

    `draw` gives random numbers from [0, 1). Cancelling it closes the leg.
    """
    restarts = _Restarts(policy, draw)
    attempt = 0
    while True:
        attempt += 1
        try:
            async with connect(
                policy.return_grace if restarts.connected else policy.first_wait
            ) as connection:
                restarts.leg_is_up()
                tell(LegConnected(connection.peer, attempt))
                closing = await run_leg(connection)
            tell(LegEnded(None, str(closing)))
            return closing
        except Exception as exc:  # noqa: BLE001  a leg's bug ends this call, and no other
            failure = LegFailure(judge(exc), exc)
        except BaseExceptionGroup as group:
            control, mishap = split_control(group)
            if control is not None:
                raise control from mishap
            raise
        bug = failure.error if failure.verdict is Verdict.BUG else None
        tell(LegEnded(failure.verdict.name.lower(), failure.reason, bug))
        wait = restarts.wait_before_next(failure, trio.current_time())
        if wait is None or not wanted():
            return failure
        patience = policy.return_grace if policy.recovery is Recovery.WAIT else wait
        tell(RecoveryBegan(policy.recovery.value, patience))
        await trio.sleep(wait)
