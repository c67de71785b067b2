"""A far end that does anything in any order to a leg the pacer reads: nothing is lost or torn."""

from __future__ import annotations

import re
from functools import partial
from typing import Literal, TypeAlias

import attrs
import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from net.carrier_rig import FarEnd
from net.far_ends import Certificates, Role, issue_certificates
from net.polled_rig import (
    AT_ONCE_MS,
    LARGE_FRAME_BYTES,
    Encounter,
    OurEnd,
    beside_an_innocent,
    encounter,
    end_in_good_order,
    is_beginning,
    numbered,
    until_so,
)
from trioaudio.core.websocket_frame import Opcode

CERTIFICATES = issue_certificates()  # hypothesis asks for no fixtures

Ending: TypeAlias = Literal["close", "we close", "reset", "half-close"]
Step: TypeAlias = tuple[str, int]

STEPS = st.one_of(
    st.tuples(st.just("say"), st.integers(2, 1500).map(lambda samples: 2 * samples)),
    st.tuples(st.just("begin or go on"), st.integers(1, 2000)),
    st.tuples(st.just("end the message"), st.integers(1, 2000)),
    st.tuples(st.just("ping"), st.integers(0, 121)),
    st.tuples(st.just("utter"), st.just(0)),
    st.tuples(st.just("utter some"), st.integers(1, 300)),
    st.tuples(st.just("pause"), st.just(0)),
    st.tuples(st.just("resume"), st.just(0)),
    st.tuples(st.just("we speak"), st.integers(1, 30)),
)


@attrs.define(eq=False)
class Conversation:
    """What was said so far, and what of it must have been heard when all is over."""

    met: Encounter
    whole: list[str | bytes] = attrs.field(factory=list)
    in_parts: list[str | bytes] = attrs.field(factory=list)
    open_part: str | None = None
    pings: list[bytes] = attrs.field(factory=list)

    @property
    def ours(self) -> OurEnd:
        return self.met.ours

    @property
    def far(self) -> FarEnd:
        return self.met.far

    async def take(self, step: Step) -> None:
        what, size = step
        self._say(what, size)
        match what:
            case "utter":
                await self.far.utter()
            case "utter some":
                read = self.ours.socket.reads
                if await self.far.utter_some(size):
                    await until_so(lambda: self.ours.socket.reads > read)
            case "pause":
                self.far.pause()
            case "resume":
                self.far.read()
            case "we speak":
                await self.ours.speak(size, LARGE_FRAME_BYTES)

    def _say(self, what: str, size: int) -> None:
        match what:
            case "say" if self.open_part is None:
                self.whole.append(numbered(len(self.whole), size))
                self.far.say(self.whole[-1])
            case "begin or go on":
                self._say_part("x" * size, last=False)
            case "end the message" if self.open_part is not None:
                self._say_part(f"{len(self.in_parts)} " + "y" * size, last=True)
            case "ping":
                self.pings.append(len(self.pings).to_bytes(4, "big") + bytes(size))
                self.far.ping(self.pings[-1])

    def _say_part(self, text: str, *, last: bool) -> None:
        said = (self.open_part or "") + text
        self.far.say_part(text, last=last)
        self.open_part = None if last else said
        if last:
            self.in_parts.append(said)

    @property
    def heard(self) -> tuple[list[str | bytes], list[str | bytes]]:
        """What was handed on, whole messages and those that came in parts."""
        heard = self.ours.heard
        return (
            [each for each in heard if isinstance(each, bytes)],
            [each for each in heard if isinstance(each, str)],
        )

    @property
    def all_is_heard(self) -> bool:
        return self.heard == (self.whole, self.in_parts) and self.far.pongs == self.pings

    async def end(self, ending: Ending) -> None:
        match ending:
            case "close":
                self.far.close(1000, "enough")
                await self.far.utter()
            case "we close":
                await self.far.utter()
                self.far.read()
                await until_so(lambda: self.all_is_heard)
                await end_in_good_order(self.met)
            case "reset":
                await self.far.utter()
                await self.far.abort()
            case "half-close":
                await self.far.utter()
                await self.far.close_half()
        self.far.read()
        await self.ours.over.wait()
        await self.far.wait_closed()

    def check(self, ending: Ending) -> None:
        whole, in_parts = self.heard
        match ending:
            case "close":
                assert self.ours.outcome == "closed: 1000 enough"
                assert self.all_is_heard
                assert self.far.farewell is not None
                assert not self.far.cut_off
            case "we close":
                assert self.ours.outcome == "closed: 1000"
                assert self.all_is_heard
            case "reset":
                assert re.fullmatch(r"lost: .*(broke|was lost).*", self.ours.outcome)
                assert whole == self.whole[: len(whole)]
                assert in_parts == self.in_parts[: len(in_parts)]
                assert self.far.pongs == self.pings[: len(self.far.pongs)]
            case "half-close":
                assert re.fullmatch(r"lost: .*was lost \(1006\)", self.ours.outcome)
                assert self.heard == (self.whole, self.in_parts)
                assert self.far.pongs == self.pings[: len(self.far.pongs)]
        assert is_beginning(self.far.heard, LARGE_FRAME_BYTES)
        assert len(self.far.heard) <= self.ours.sent
        assert self.far.disgust is None
        self.ours.check_what_was_told()


async def converse(role: Role, steps: list[Step], ending: Ending, *, listening: bool) -> None:
    async with (
        beside_an_innocent() as pacer,
        encounter(pacer, role, listening=listening, lead_ms=AT_ONCE_MS) as met,
    ):
        conversation = Conversation(met)
        met.far.read()
        for step in steps:
            await conversation.take(step)
        await conversation.end(ending)
        conversation.check(ending)


@settings(max_examples=30, deadline=None)
@given(
    dialling=st.booleans(),
    tls=st.booleans(),
    listening=st.booleans(),
    steps=st.lists(STEPS, max_size=25),
    ending=st.sampled_from(["close", "we close", "reset", "half-close"]),
)
@example(
    dialling=True,
    tls=True,
    listening=False,
    steps=[("pause", 0), ("we speak", 100), ("ping", 0), ("utter", 0), ("say", 4)],
    ending="close",
)
def test_whatever_a_far_end_does_nothing_is_lost_or_torn(
    dialling: bool, tls: bool, listening: bool, steps: list[Step], ending: Ending
) -> None:
    if ending == "half-close":
        tls = False  # it has no such thing
    role = Role(dialling=dialling, certificates=CERTIFICATES if tls else None)
    trio.run(partial(converse, role, steps, ending, listening=listening))


# --- A message that is half there ---------------------------------------------------------


async def utter_half(met: Encounter, cut: int) -> None:
    """Have the first bytes of what is to be said read, and no more."""
    read = met.ours.socket.reads
    assert await met.far.utter_some(cut)
    await until_so(lambda: met.ours.socket.reads > read)


@pytest.mark.parametrize("cut", [1, 2, 6])
@pytest.mark.parametrize("side", ["answering", "dialling", "answering-tls", "dialling-tls"])
async def test_what_is_half_there_is_handed_on_when_it_is_all_there_and_never_else(
    side: str, cut: int, certificates: Certificates
) -> None:
    role = Role(
        dialling=side.startswith("dialling"),
        certificates=certificates if side.endswith("tls") else None,
    )
    async with (
        beside_an_innocent() as pacer,
        encounter(pacer, role, listening=bool(cut % 2)) as met,
    ):
        ours, far = met.ours, met.far
        far.read()
        far.blurt(role.frame(0x80 | Opcode.BINARY, b"whole"))
        await utter_half(met, cut)
        assert ours.heard == []
        await far.utter()
        await until_so(lambda: ours.heard == [b"whole"])
        far.blurt(role.frame(0x80 | Opcode.BINARY, bytes(300)))
        await utter_half(met, cut)
        await far.abort()
        await ours.over.wait()
        assert re.fullmatch(r"lost: .*(broke|was lost).*", ours.outcome)
        assert ours.heard == [b"whole"]
