"""The pool of sockets in virtual time, with sockets that do what a test tells them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from functools import partial

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trioaudio.core.engine import EngineLoad
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.engines._inbox import Inbox
from trioaudio.engines._pooled_socket import Patience
from trioaudio.engines._service_socket import ServiceAddress
from trioaudio.engines._socket_pool import PoolPlan, SocketPool, open_socket_pool
from trioaudio.engines._socket_turn import (
    Clause,
    Delivered,
    Ended,
    Message,
    Request,
    SaidWord,
    SpeechEvent,
)
from trioaudio.engines._status import broke_protocol, unavailable

HOME = ServiceAddress("acme", "ws://acme/home")
AWAY = ServiceAddress("acme", "ws://acme/away")
PCM = bytes(range(200)) * 8
DIAL_S = 0.2


@attrs.define(eq=False)
class Line:
    """A fake socket: what was said to it, and what it will say."""

    address: ServiceAddress
    said: list[Message] = attrs.field(factory=list)
    to_say: trio.MemorySendChannel[str] = attrs.field(init=False)
    _heard: trio.MemoryReceiveChannel[str] = attrs.field(init=False)
    answers_pings: bool = True
    closed: bool = False

    def __attrs_post_init__(self) -> None:
        self.to_say, self._heard = trio.open_memory_channel[str](100)

    async def send(self, message: Message) -> None:
        await trio.lowlevel.checkpoint()
        self.said.append(message)

    async def receive(self) -> Message:
        try:
            return await self._heard.receive()
        except trio.EndOfChannel:
            raise unavailable("acme", "it closed the connection (code 1000)") from None

    async def ping(self) -> None:
        await trio.lowlevel.checkpoint()
        if not self.answers_pings:
            await trio.sleep_forever()

    def answer(self, *messages: str) -> None:
        for message in messages:
            self.to_say.send_nowait(message)


@attrs.define(eq=False)
class Network:
    """Opens lines, and keeps them; `refusals` are what the next dials get."""

    lines: list[Line] = attrs.field(factory=list)
    refusals: list[EngineError] = attrs.field(factory=list)
    dials: list[float] = attrs.field(factory=list)

    @contextlib.asynccontextmanager
    async def open(self, address: ServiceAddress) -> AsyncIterator[Line]:
        self.dials.append(trio.current_time())
        await trio.sleep(DIAL_S)
        if self.refusals:
            raise self.refusals.pop(0)
        line = Line(address)
        self.lines.append(line)
        try:
            yield line
        finally:
            line.closed = True


class Plain:
    """A dialect of one word each."""

    def __init__(self, forget: Sequence[Message] | None = None) -> None:
        self._forget = forget

    def greet(self) -> Sequence[Message]:
        return ("hello",)

    def ask(self, request: Request) -> Sequence[Message]:
        return (request.text,)

    def receive(self, message: Message) -> Sequence[SpeechEvent]:
        match message:
            case "audio":
                return (PCM,)
            case "word":
                return (SaidWord("word", 0.5),)
            case "junk":
                return (broke_protocol("acme", "junk"),)
            case "mp3":
                return (b"ID3\x04\x00\x00\x00\x00\x00\x00" + PCM,)
            case "end":
                return (Ended(),)
        return ()

    def forget(self) -> Sequence[Message] | None:
        return self._forget

    def keep_alive(self) -> Sequence[Message]:
        return ("still here",)


PLAN = PoolPlan(engine="acme", new_dialect=Plain, most=4, home=HOME, warm=1)


def clause(text: str = "text", number: int = 0, address: ServiceAddress = HOME) -> Clause:
    delivered = Delivered(Inbox(8000), 8000)
    return Clause(address, Request(text, "voice", "en", 8000), number, delivered)


async def settle(seconds: float = DIAL_S) -> None:
    """Let what is under way come about."""
    await trio.sleep(seconds)
    await wait_all_tasks_blocked()


@contextlib.asynccontextmanager
async def opened(
    network: Network, **changes: object
) -> AsyncIterator[tuple[SocketPool, trio.Nursery]]:
    plan = attrs.evolve(PLAN, **changes)  # type: ignore[arg-type]  # by name
    async with open_socket_pool(plan, network.open) as pool, trio.open_nursery() as nursery:
        yield pool, nursery
        nursery.cancel_scope.cancel()


async def failure(pool: SocketPool, wanted: Clause) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await pool.speak(wanted)
    return caught.value


async def test_a_warm_socket_is_greeted_and_asked_at_once(autojump_clock: object) -> None:
    network = Network()
    async with opened(network) as (pool, nursery):
        await settle()
        nursery.start_soon(pool.speak, wanted := clause("one"))
        await wait_all_tasks_blocked()
        assert network.lines[0].said == ["hello", "one"]
        network.lines[0].answer("audio", "audio", "end")
        await settle()
        assert wanted.delivered.audio_bytes == 2 * len(PCM)
        # While it spoke, another was dialled to be warm in its place.
        assert pool.statistics().free == 2
        assert pool.statistics().dialled == 2


async def test_a_clause_may_be_asked_before_the_socket_is_open(autojump_clock: object) -> None:
    network = Network()
    async with opened(network) as (pool, nursery):
        nursery.start_soon(pool.speak, clause("early"))
        await settle()
        assert sorted(len(line.said) for line in network.lines) == [1, 2]
        assert ["hello", "early"] in [line.said for line in network.lines]


async def test_without_warm_sockets_they_are_dialled_when_wanted(autojump_clock: object) -> None:
    network = Network()
    async with opened(network, warm=0) as (pool, nursery):
        await settle(5)
        assert network.dials == []
        nursery.start_soon(pool.speak, clause())
        await settle()
        assert len(network.lines) == 1


async def test_a_free_socket_is_used_before_another_is_dialled(autojump_clock: object) -> None:
    network = Network()
    async with opened(network, warm=0) as (pool, nursery):
        for _ in range(3):
            nursery.start_soon(pool.speak, clause())
            await settle()
            network.lines[0].answer("audio", "end")
            await wait_all_tasks_blocked()
        assert len(network.lines) == 1


async def test_no_more_than_allowed_and_who_has_begun_goes_first(autojump_clock: object) -> None:
    network = Network()
    async with opened(network, most=1) as (pool, nursery):
        for wanted in (clause("a"), clause("b"), clause("c"), clause("begun", number=3)):
            nursery.start_soon(pool.speak, wanted)
            await wait_all_tasks_blocked()
        await settle()
        assert pool.statistics().waiting == 3
        assert pool.load() == EngineLoad(open=1, opening=0, speaking=1, waiting=3, most=1)
        for _ in range(4):
            network.lines[0].answer("audio", "end")
            await wait_all_tasks_blocked()
        assert network.lines[0].said == ["hello", "a", "begun", "b", "c"]
        assert len(network.lines) == 1


async def test_room_is_made_for_another_address(autojump_clock: object) -> None:
    network = Network()
    async with opened(network, most=1) as (pool, nursery):
        await settle()
        nursery.start_soon(pool.speak, clause("far", address=AWAY))
        await settle()
        assert [line.address for line in network.lines] == [HOME, AWAY]
        assert network.lines[0].closed
        assert network.lines[1].said == ["hello", "far"]


async def test_who_waits_and_leaves_is_forgotten(autojump_clock: object) -> None:
    network = Network()
    async with opened(network, most=1) as (pool, nursery):
        nursery.start_soon(pool.speak, clause("first"))
        await settle()
        with trio.move_on_after(0.1):
            await pool.speak(clause("impatient"))
        assert pool.statistics().waiting == 0
        network.lines[0].answer("audio", "end")
        await wait_all_tasks_blocked()
        assert network.lines[0].said == ["hello", "first"]


async def test_cancelled_in_its_middle_it_costs_the_socket(autojump_clock: object) -> None:
    network = Network()
    async with opened(network) as (pool, _):
        await settle()
        with trio.move_on_after(0.1):
            await pool.speak(clause())
        assert pool.statistics().speaking == 0
        await wait_all_tasks_blocked()
        assert network.lines[0].closed


async def test_cancelled_while_it_is_dialled_the_socket_serves_another(
    autojump_clock: object,
) -> None:
    network = Network()
    async with opened(network) as (pool, nursery):
        with trio.move_on_after(DIAL_S / 2):
            await pool.speak(clause("never"))
        await settle()
        nursery.start_soon(pool.speak, clause("now"))
        await settle()
        assert [line.said for line in network.lines if len(line.said) > 1] == [["hello", "now"]]
        assert not any(line.closed for line in network.lines)


async def test_a_service_that_can_forget_is_told_and_waited_for(autojump_clock: object) -> None:
    network = Network()
    dialect = partial(Plain, forget=("forget",))
    async with opened(network, new_dialect=dialect, most=1) as (pool, nursery):
        await settle()
        with trio.move_on_after(0.1):
            await pool.speak(clause("cancelled"))
        nursery.start_soon(pool.speak, wanted := clause("next"))
        await wait_all_tasks_blocked()
        line = network.lines[0]
        assert line.said == ["hello", "cancelled", "forget"]
        line.answer("audio", "word", "audio", "end")
        await wait_all_tasks_blocked()
        assert line.said[-1] == "next"
        line.answer("audio", "end")
        await wait_all_tasks_blocked()
        assert wanted.delivered.audio_bytes == len(PCM)


@pytest.mark.parametrize("answer", [(), ("junk",)])
async def test_a_service_that_does_not_forget_is_hung_up_on(
    autojump_clock: object, answer: Sequence[str]
) -> None:
    network = Network()
    async with opened(network, new_dialect=partial(Plain, forget=("forget",))) as (pool, _):
        await settle()
        with trio.move_on_after(0.1):
            await pool.speak(clause())
        network.lines[0].answer(*answer)
        await settle(PLAN.patience.forget_s + 0.1)
        assert network.lines[0].closed


@pytest.mark.parametrize("stray", ["audio", "end", "junk"])
async def test_what_nobody_asked_for_costs_the_socket(autojump_clock: object, stray: str) -> None:
    network = Network()
    async with opened(network) as (pool, nursery):
        await settle()
        network.lines[0].answer(stray)
        await settle(5)
        assert network.lines[0].closed
        nursery.start_soon(pool.speak, wanted := clause())
        await settle()
        network.lines[1].answer("audio", "end")
        await settle()
        assert wanted.delivered.audio_bytes == len(PCM)


async def test_a_late_word_costs_nothing(autojump_clock: object) -> None:
    network = Network()
    async with opened(network):
        await settle()
        network.lines[0].answer("word")
        await settle(5)
        assert not network.lines[0].closed


async def test_lost_before_any_audio_it_is_asked_again_on_a_new_socket(
    autojump_clock: object,
) -> None:
    network = Network()
    async with opened(network, warm=2) as (pool, nursery):
        await settle()
        nursery.start_soon(pool.speak, wanted := clause("again"))
        await settle()
        used = next(line for line in network.lines if "again" in line.said)
        others = list(network.lines)
        await used.to_say.aclose()
        await settle()
        again = next(line for line in network.lines if line not in others)
        assert again.said == ["hello", "again"]
        again.answer("audio", "end")
        await settle()
        assert wanted.delivered.audio_bytes == len(PCM)


async def test_lost_twice_is_an_error(autojump_clock: object) -> None:
    network = Network(refusals=[unavailable("acme", "1"), unavailable("acme", "2")])
    async with opened(network, warm=0) as (pool, _):
        error = await failure(pool, clause())
    assert str(error) == "acme is not available: 2"


async def test_lost_after_audio_it_is_not_asked_again(autojump_clock: object) -> None:
    network = Network()
    async with opened(network) as (pool, nursery):
        await settle()
        line = network.lines[0]

        async def die() -> None:
            line.answer("audio")
            await line.to_say.aclose()

        nursery.start_soon(die)
        error = await failure(pool, wanted := clause())
    assert error.kind is EngineFault.UNAVAILABLE
    assert wanted.delivered.audio_bytes == len(PCM)


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        (["audio", "junk"], EngineFault.PROTOCOL),
        (["mp3"], EngineFault.PROTOCOL),
        (["end"], EngineFault.EMPTY),
    ],
)
async def test_a_bad_answer_is_an_error_at_once(
    autojump_clock: object, answers: Sequence[str], kind: EngineFault
) -> None:
    network = Network()
    async with opened(network) as (pool, nursery):
        await settle()

        async def answer() -> None:
            await trio.lowlevel.checkpoint()
            network.lines[0].answer(*answers)

        nursery.start_soon(answer)
        before = trio.current_time()
        assert (await failure(pool, clause())).kind is kind
        assert trio.current_time() == before


async def test_a_service_that_falls_silent_is_given_up(autojump_clock: object) -> None:
    network = Network()
    async with opened(network) as (pool, _):
        await settle()
        before = trio.current_time()
        error = await failure(pool, clause())
        assert error.kind is EngineFault.TIMEOUT
        assert trio.current_time() - before == pytest.approx(PLAN.patience.stall_s)


async def test_a_free_socket_is_kept_alive_and_renewed(autojump_clock: object) -> None:
    network = Network()
    async with opened(network):
        await settle(PLAN.patience.idle_s * 0.75)
        first = network.lines[0]
        assert first.said == ["hello"] + ["still here"] * 8
        await settle(PLAN.patience.idle_s)
        assert first.closed
        assert any(not line.closed for line in network.lines)


async def test_a_dead_socket_is_found_before_it_is_needed(autojump_clock: object) -> None:
    network = Network()
    async with opened(network):
        await settle()
        network.lines[0].answers_pings = False
        await settle(PLAN.patience.keep_alive_s + 6)
        assert network.lines[0].closed
        assert len(network.lines) == 2


async def test_a_clause_on_a_dead_socket_goes_on_elsewhere(autojump_clock: object) -> None:
    network = Network()
    async with opened(network, warm=1) as (pool, nursery):
        await settle()
        network.lines[0].answers_pings = False
        await settle(PLAN.patience.keep_alive_s)
        nursery.start_soon(pool.speak, wanted := clause())
        await settle(6)
        network.lines[-1].answer("audio", "end")
        await settle()
        assert network.lines[0].closed
        assert wanted.delivered.audio_bytes == len(PCM)


async def test_a_service_that_is_away_is_not_hammered(autojump_clock: object) -> None:
    network = Network(refusals=[unavailable("acme", "away") for _ in range(1000)])
    async with opened(network):
        await settle(600)
        assert 5 < len(network.dials) < 60
        network.refusals.clear()
        await settle(120)
        assert any(not line.closed for line in network.lines)


async def test_a_service_that_hangs_up_on_everybody_is_not_hammered(
    autojump_clock: object,
) -> None:
    network = Network()
    async with opened(network):
        for _ in range(1000):
            await settle(0.5)
            for line in network.lines:
                await line.to_say.aclose()
        assert len(network.dials) < 60


async def test_a_refusal_that_will_stay_is_not_asked_again(autojump_clock: object) -> None:
    refused = EngineError("no", kind=EngineFault.AUTH, retryable=False)
    network = Network(refusals=[refused, unavailable("acme", "unreached")])
    async with opened(network, warm=0) as (pool, _):
        assert await failure(pool, clause()) is refused
    assert len(network.dials) == 1


async def test_closed_it_fails_who_waits_and_who_comes(autojump_clock: object) -> None:
    network = Network()
    errors: list[EngineError] = []

    async def speak(pool: SocketPool, text: str) -> None:
        try:
            await pool.speak(clause(text))
        except EngineError as exc:
            errors.append(exc)

    pool = SocketPool(attrs.evolve(PLAN, most=1), network.open)
    scope = trio.CancelScope()

    async def keep() -> None:
        with scope:
            await pool.keep_sockets()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep)
        for text in ("speaking", "waiting"):
            nursery.start_soon(speak, pool, text)
        await settle()
        scope.cancel()
        await settle()
        await speak(pool, "late")
    assert len(errors) == 3
    assert all("closed" in str(error) for error in errors)
    assert pool.statistics().sockets == 0
    assert len(network.lines) == 1


async def test_an_error_of_the_block_comes_out_alone(autojump_clock: object) -> None:
    async def fail() -> None:
        async with open_socket_pool(PLAN, Network().open):
            await settle()
            raise unavailable("mine", "of the block")

    with pytest.raises(EngineError, match="mine"):
        await fail()


def test_patience_is_within_what_services_grant() -> None:
    assert Patience().keep_alive_s < 60  # Sarvam closes after a minute without a ping
