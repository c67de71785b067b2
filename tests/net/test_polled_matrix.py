"""Whatever a far end does, in whatever state a leg is that the pacer reads, it ends for that.

What was said before is handed on once and in order, what was sent arrives whole, and nobody else
is disturbed. The table has every two of event, inbound, outbound and side together; `-m long` runs
all that there are.
"""

from __future__ import annotations

import itertools
import re

import attrs
import pytest
import trio

from net.far_ends import Certificates, Role
from net.happenings import EVENTS, PAYLOAD
from net.polled_rig import (
    AT_ONCE_MS,
    FRAME_BYTES,
    FRAMES_TO_STALL,
    LARGE_FRAME_BYTES,
    Encounter,
    beside_an_innocent,
    encounter,
    end_in_good_order,
    is_beginning,
    numbered,
    until_so,
)
from trioaudio.net.media_socket import RECEIVE_BYTES

HALF, OTHER_HALF = "half of what ", "is to be said"
FLOOD = 2000

SIDES = ("answering", "dialling", "answering-tls", "dialling-tls")
OUTBOUND = ("idle", "speaking", "stalled")
INBOUND = ("quiet", "unread", "half", "flood")


# --- The states they may do it in ---------------------------------------------------------


@attrs.frozen
class Case:
    event: str
    inbound: str
    outbound: str
    side: str

    def __str__(self) -> str:
        return f"{self.event} {self.inbound} {self.outbound} {self.side}"

    @property
    def listening(self) -> bool:
        """Whether somebody listens, so that it is read every 20 ms and told: every other one."""
        places = (
            list(EVENTS).index(self.event),
            INBOUND.index(self.inbound),
            SIDES.index(self.side) // 2,
        )
        return sum(places) % 2 == 0

    @property
    def outcome(self) -> str:
        event = EVENTS[self.event]
        return (self.inbound == "half" and event.outcome_amid_a_message) or event.outcome

    @property
    def frame_bytes(self) -> int:
        return LARGE_FRAME_BYTES if self.outbound == "stalled" else FRAME_BYTES

    def role(self, certificates: Certificates) -> Role:
        return Role(
            dialling=self.side.startswith("dialling"),
            certificates=certificates if self.side.endswith("tls") else None,
        )


def every_case() -> list[Case]:
    return [
        Case(*each)
        for each in itertools.product(EVENTS, INBOUND, OUTBOUND, SIDES)
        if not (EVENTS[each[0]].plain_only and each[3].endswith("tls"))
    ]


TABLE = """
ping       quiet   idle      answering
ping       unread  speaking  dialling
ping       half    stalled   answering-tls
ping       flood   idle      dialling-tls
close      quiet   speaking  dialling
close      unread  stalled   answering-tls
close      half    idle      dialling-tls
close      flood   speaking  answering
close-amid quiet   stalled   answering-tls
close-amid unread  idle      dialling-tls
close-amid half    speaking  answering
close-amid flood   stalled   dialling
close-gone quiet   idle      dialling-tls
close-gone unread  speaking  answering
close-gone half    stalled   dialling
close-gone flood   idle      answering-tls
reset      quiet   speaking  answering
reset      unread  stalled   dialling
reset      half    idle      answering-tls
reset      flood   speaking  dialling-tls
half-close quiet   stalled   dialling
half-close unread  idle      answering
half-close half    speaking  dialling
half-close flood   stalled   answering
mask       quiet   idle      answering-tls
mask       unread  speaking  dialling-tls
mask       half    stalled   answering
mask       flood   idle      dialling
reserved   quiet   speaking  dialling-tls
reserved   unread  stalled   answering
reserved   half    idle      dialling
reserved   flood   speaking  answering-tls
no-utf8    quiet   stalled   answering
no-utf8    unread  idle      dialling
no-utf8    half    speaking  answering-tls
no-utf8    flood   stalled   dialling-tls
too-much   quiet   idle      dialling
too-much   unread  speaking  answering-tls
too-much   half    stalled   dialling-tls
too-much   flood   idle      answering
"""

CHOSEN = [Case(*line.split()) for line in TABLE.strip().splitlines()]
CASES = [
    pytest.param(each, marks=() if each in CHOSEN else pytest.mark.long, id=str(each))
    for each in every_case()
]


def pairs(cases: list[Case]) -> set[tuple[tuple[str, str], ...]]:
    return {
        pair for each in cases for pair in itertools.combinations(attrs.asdict(each).items(), 2)
    }


def test_the_table_has_every_pair_once_at_least() -> None:
    assert pairs(CHOSEN) == pairs(every_case())
    assert len(set(CHOSEN)) == len(CHOSEN)


# --- All of it ----------------------------------------------------------------------------


async def bring_about_outbound(met: Encounter, state: str, nursery: trio.Nursery) -> None:
    ours, far = met.ours, met.far
    match state:
        case "idle":
            far.read()
        case "speaking":
            far.read()
            nursery.start_soon(ours.speak)
            await until_so(lambda: len(far.heard) >= 2)
        case "stalled":
            nursery.start_soon(ours.speak, FRAMES_TO_STALL, LARGE_FRAME_BYTES)
            await ours.wait_stalled()


async def bring_about_inbound(met: Encounter, state: str) -> list[str | bytes]:
    """Have the far end say something, or be about to; return what is to be handed on of it."""
    ours, far = met.ours, met.far
    said: list[str | bytes] = []
    if state != "quiet":
        said = [numbered(number, 320) for number in range(3)]
    if state == "flood":
        said += [b"%020d" % number for number in range(FLOOD)]
        assert sum(len(each) + 2 for each in said) > RECEIVE_BYTES  # what follows is not read along
    for each in said:
        far.say(each)
    if state == "half":
        far.say_part(HALF)
        await far.utter()
        await until_so(lambda: len(ours.heard) == len(said))
    return said


async def go_on_after_the_ping(met: Encounter, case: Case, said: list[str | bytes]) -> None:
    """See the pong, and that both go on as if nothing had been."""
    ours, far = met.ours, met.far
    await until_so(lambda: bool(far.pongs))
    if case.inbound == "half":
        far.say_part(OTHER_HALF, last=True)
        await far.utter()
        said.append(HALF + OTHER_HALF)
        await until_so(lambda: len(ours.heard) == len(said))
    far.say(b"more")
    await far.utter()
    said.append(b"more")
    heard = len(far.heard)
    if case.outbound == "speaking":
        await until_so(lambda: len(far.heard) >= heard + 3)
    elif case.outbound == "stalled":
        await until_so(lambda: len(far.heard) == FRAMES_TO_STALL)
    await until_so(lambda: len(ours.heard) == len(said))
    await end_in_good_order(met)
    assert far.pongs == [PAYLOAD]


@pytest.mark.parametrize("case", CASES)
async def test_it_ends_for_the_right_reason(case: Case, certificates: Certificates) -> None:
    event = EVENTS[case.event]
    async with (
        beside_an_innocent() as pacer,
        trio.open_nursery() as nursery,
        encounter(
            pacer,
            case.role(certificates),
            listening=case.listening,
            lead_ms=AT_ONCE_MS if case.outbound == "stalled" else 0,
        ) as met,
    ):
        ours, far = met.ours, met.far
        await bring_about_outbound(met, case.outbound, nursery)
        said = await bring_about_inbound(met, case.inbound)
        await event.do(far)
        far.read()
        if case.event == "ping":
            await go_on_after_the_ping(met, case, said)
        await ours.over.wait()
        await far.wait_closed()

        assert re.fullmatch(case.outcome, ours.outcome), ours.outcome
        if event.hears_all or case.outbound == "idle":
            assert ours.heard == said
        else:
            assert ours.heard == said[: len(ours.heard)]
        ours.check_what_was_told()
        assert is_beginning(far.heard, case.frame_bytes)
        assert len(far.heard) <= ours.sent
        assert far.disgust is None
        assert (far.farewell and far.farewell.code) in event.farewell
        nursery.cancel_scope.cancel()
