"""The engine that a service is which speaks one clause at a time on a socket.

What differs from service to service is its `Vendor`: names, addresses and checks, all computed.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, AsyncIterator
from typing import Protocol

import attrs
import trio

from trioaudio.core.engine import EngineLoad, PcmSink, ServiceSettings, Voice, VoiceChoice
from trioaudio.engines._clause_turns import UtterancePlan, speak_clauses
from trioaudio.engines._socket_pool import (
    PoolPlan,
    PoolStatistics,
    SocketPool,
    open_socket_pool,
)


@attrs.frozen(kw_only=True)
class PooledSettings(ServiceSettings):
    """What an operator may set about every such service."""

    warm_sockets: int = attrs.field(
        default=2,
        metadata={
            "help": "connections kept open for texts to come; each saves a text its handshake",
            "least": 0,
            "most": 1000,
        },
    )


class Vendor(Protocol):
    """What is known of a service without asking it."""

    @property
    def name(self) -> str:
        """The engine's name."""
        ...

    def sample_rate_for(self, wanted: int) -> int:
        """Return the nearest rate it can write, in Hz."""
        ...

    def check(self, choice: VoiceChoice) -> None:
        """Raise ConfigError if it has no such voice, as far as is known."""
        ...

    def recipe(self, choice: VoiceChoice) -> str:
        """Return all that shapes the sound but text and rate."""
        ...

    def voices(self) -> list[Voice]:
        """Return the voices it is known to have, or is set to use."""
        ...

    def plan(self, choice: VoiceChoice, sample_rate: int) -> UtterancePlan:
        """Return where and how an utterance is spoken; ConfigError as `check`."""
        ...


class PooledEngine:
    """What the `open_engine` of such a service yields."""

    def __init__(self, vendor: Vendor, pool: SocketPool) -> None:
        self._vendor = vendor
        self._pool = pool

    @property
    def name(self) -> str:
        """The name it is chosen by."""
        return self._vendor.name

    def sample_rate_for(self, wanted: int) -> int:
        """Return the rate it writes: the service makes it itself, nothing is resampled."""
        return self._vendor.sample_rate_for(wanted)

    def check(self, choice: VoiceChoice) -> None:
        """Raise ConfigError, with near matches, if it knows that it has no such voice."""
        self._vendor.check(choice)

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Raise nothing: what the service cannot read it says when asked."""

    def recipe(self, choice: VoiceChoice) -> str:
        """Return model, voice, language and all else that shapes the sound."""
        return self._vendor.recipe(choice)

    async def voices(self) -> list[Voice]:
        """List the voices it is known to have, or is set to use."""
        await trio.lowlevel.checkpoint()
        return self._vendor.voices()

    def statistics(self) -> PoolStatistics:
        """Return what its sockets do now."""
        return self._pool.statistics()

    def load(self) -> EngineLoad:
        """Return what it holds; see `core.engine.TellsLoad`."""
        return self._pool.load()

    async def synthesize(
        self,
        clauses: AsyncIterable[str],
        sink: PcmSink,
        choice: VoiceChoice,
        sample_rate: int,
    ) -> None:
        """Speak an utterance clause by clause; return when all of it is written.

        EngineError, after what came before it is written. Cancelled, it leaves at once: the
        socket that speaks its clause is closed, for none of these services can be told to stop.
        """
        plan = self._vendor.plan(choice, sample_rate)
        await speak_clauses(self._pool, clauses, sink, plan)


@contextlib.asynccontextmanager
async def open_pooled_engine(vendor: Vendor, plan: PoolPlan) -> AsyncIterator[PooledEngine]:
    """Keep an engine's sockets warm while the block runs."""
    async with open_socket_pool(plan) as pool:
        yield PooledEngine(vendor, pool)
